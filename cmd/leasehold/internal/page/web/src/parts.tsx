// Small parts that several pages draw.

import {Component, h, type ComponentChildren, type FunctionComponent} from 'preact';
import {useEffect, useState} from 'preact/hooks';
import type {Age} from './ages';
import {age as ageText, ago, at, ms, span} from './format';
import {now, stateOf, type One} from './model';
import {toneOf} from './tones';

// memo draws a component only when a property is another.
export function memo<P extends object>(draw: FunctionComponent<P>): new () => Component<P> {
	return class extends Component<P> {
		override shouldComponentUpdate(next: P) {
			for (const name in next) if (next[name] !== (this.props as P)[name]) return true;
			return false;
		}
		override render(props: P) {
			return h(draw as FunctionComponent<any>, props);
		}
	} as unknown as new () => Component<P>;
}

export function Badge({state, gone}: {state: string; gone?: string}) {
	if (gone) return <span class="badge gone">{gone}</span>;
	return (
		<span class={`badge tone ${toneOf(state).name}`} title={state}>
			<i class="dot" aria-hidden="true" />
			<span class="cut">{state}</span>
		</span>
	);
}

export const badgeOf = (one: One) => <Badge state={stateOf(one.row)} gone={one.row.gone && one.trouble.label} />;

const icons: Record<string, string> = {
	alert: 'M8 1.8 15 14H1L8 1.8ZM8 6.2v3.6M8 11.9v.1',
	back: 'M10 3 5 8l5 5',
	check: 'M3 8.5 6.5 12 13 4.5',
	cross: 'M4 4l8 8M12 4l-8 8',
	pause: 'M5 3.5v9M11 3.5v9',
	play: 'M5 3.5v9l7-4.5z',
	left: 'M6 3H3v10h3M10 5l3 3-3 3M13 8H6',
	sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
	moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z',
	auto: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 0v12',
};

export function Icon({name}: {name: keyof typeof icons}) {
	return (
		<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
			<path d={icons[name]} />
		</svg>
	);
}

// Texts about time are right when they are drawn: a page draws them anew every second.

export function Ago({time}: {time: string | undefined}) {
	const t = ms(time);
	return t === undefined ? null : <time title={time}>{ago(now() - t)}</time>;
}

export function Since({time}: {time: string | undefined}) {
	const t = ms(time);
	return t === undefined ? <span class="faint">–</span> : <time title={`since ${at(t)}`}>{ageText(now() - t)}</time>;
}

export const why = (one: One) => one.trouble.why(now());

// Heartbeat says how long the last heartbeat ago was, of the time to live of the lease.
export function Heartbeat({one, age}: {one: One; age: Age | undefined}) {
	if (one.row.gone) return <span class="faint">–</span>;
	if (!age) return <span class="faint" data-beat={one.key}>…</span>;
	const share = Math.min(1, age.age / age.ttl);
	const level = share < 0.55 ? 'fine' : share < 0.8 ? 'late' : 'due';
	return (
		<span class={`beat ${level}`} data-beat={one.key} title={`heartbeat ${span(age.age)} ago; the lease lasts ${span(age.ttl)}`}>
			<i class="meter" aria-hidden="true">
				<i style={{transform: `scaleX(${share.toFixed(2)})`}} />
			</i>
			<span class="num">{age.age < 1000 ? '< 1 s' : `${Math.floor(age.age / 1000)} s`}</span>
			<span class="faint"> of {span(age.ttl, 1)}</span>
		</span>
	);
}

// Failed tells of an answer that did not come.
export function Failed({error, children}: {error: unknown; children?: ComponentChildren}) {
	const {message, advice} = error as {message: string; advice?: string};
	return (
		<p class="failed" role="alert">
			<Icon name="alert" /> <span>{message}{advice ? ` ${advice}` : ''} {children}</span>
		</p>
	);
}

// useMatch says whether the window matches a query.
export function useMatch(asked: string): boolean {
	const [query] = useState(() => matchMedia(asked));
	const [matches, set] = useState(query.matches);
	useEffect(() => {
		const listener = () => set(query.matches);
		query.addEventListener('change', listener);
		return () => query.removeEventListener('change', listener);
	}, []);
	return matches;
}

// useRowHeight is the height of a row of a list, in pixels: that of one line, or narrow in a window
// below a width. The style sheet has the same.
export function useRowHeight(width: number, narrow: number): number {
	const line = useMatch(`(min-width: ${width}px)`);
	const wall = useMatch('(min-width: 2200px) and (min-height: 1200px)');
	return wall ? 48 : line ? 36 : narrow;
}
