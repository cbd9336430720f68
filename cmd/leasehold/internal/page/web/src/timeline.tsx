import {useEffect, useMemo, useState} from 'preact/hooks';
import {ask, type Item, type Part, type Strip} from './api';
import {at, day, hm, ms, span} from './format';
import {LongList} from './list';
import {instances, isCurrent, links, loaded, now, onItems, stateOf, type One} from './model';
import {badgeOf, Failed, memo, useMatch, useRowHeight} from './parts';
import {instanceHref, onRoute, param, set} from './route';
import {Topic, useTopics} from './topic';
import {toneOf} from './tones';
import {View} from './view';

const spans = {hour: 3_600_000, day: 86_400_000, week: 7 * 86_400_000};
type Span = keyof typeof spans;

const mostRead = 50; // strips of one request
const most = 24; // states in the legend
const fresh = 60_000;

interface Piece {
	state?: string;
	from: number;
	to: number;
	n: number;
}

interface Known {
	pieces: Piece[];
	read: number; // when
	cut?: number;
}

// Strips reads those in view, and adds to them what the stream tells.
class Strips {
	private known = new Map<string, Known>();
	private wanted = new Set<string>();
	private timer: ReturnType<typeof setTimeout> | undefined;
	private running = false;
	readonly news = new Topic();
	reads = 0;
	error: unknown;
	private stop = onItems((items, all) => {
		if (all) this.known.clear(); // there may be a gap
		else for (const item of items) this.add(item);
	});

	constructor(private span: number) {}

	of(key: string): Known | undefined {
		const known = this.known.get(key);
		if (!known || now() - known.read > fresh) {
			this.wanted.add(key);
			this.timer ??= setTimeout(() => void this.read(), 60);
		}
		return known;
	}

	// states returns those of strips that were read, in or after a time.
	*states(list: One[], from: number): Generator<string> {
		for (const one of list) {
			if (!one.row.gone && one.row.state) yield one.row.state;
			for (const p of this.known.get(one.key)?.pieces ?? []) if (p.state && p.to >= from) yield p.state;
		}
	}

	private async read() {
		this.timer = undefined;
		if (this.running || !isCurrent()) {
			this.timer = setTimeout(() => void this.read(), 1000);
			return;
		}
		const keys = [...this.wanted].slice(-mostRead);
		this.wanted.clear();
		if (keys.length === 0) return;
		this.running = true;
		try {
			const to = now();
			const {strips} = await ask<{strips: Strip[]}>('api/timeline', {keys, from: new Date(to - this.span).toISOString(), to: new Date(to).toISOString()});
			if (this.known.size > 2000) this.known.clear();
			for (const {key, parts, cut} of strips) this.known.set(key, {pieces: parts.map(piece), read: to, cut: ms(cut)});
			this.reads++;
			this.error = undefined;
		} catch (error) {
			this.error = error;
		}
		this.running = false;
		this.news.changed();
	}

	private add(item: Item) {
		const known = this.known.get(item.key);
		const t = ms(item.at);
		if (!known || t === undefined || (item.kind !== 'transition' && item.kind !== 'registered' && item.kind !== 'gone')) return;
		const last = known.pieces.at(-1);
		if (last && t < last.from) return;
		if (last) last.to = Math.max(last.from, t);
		known.pieces.push({state: item.kind === 'gone' ? undefined : item.to, from: t, to: t, n: 1});
		// Narrow ones of long ago become one, so that a strip does not grow without end.
		if (known.pieces.length > 600) known.read = 0;
	}

	close() {
		this.stop();
		clearTimeout(this.timer);
	}
}

const piece = (part: Part): Piece => ({state: part.state, from: ms(part.from) ?? 0, to: ms(part.to) ?? 0, n: part.n ?? 1});

export function Timeline() {
	useTopics(instances, links);
	const [filter, setFilter] = useState(() => param('q'));
	const [range, setRange] = useState<Span>(() => (param('span') in spans ? (param('span') as Span) : 'hour'));
	const view = useMemo(() => new View(), []);
	useEffect(() => () => view.close(), []);
	useEffect(
		() =>
			onRoute(() => {
				setFilter(param('q'));
				setRange(param('span') in spans ? (param('span') as Span) : 'hour');
			}),
		[],
	);
	const strips = useMemo(() => new Strips(spans[range]), [range]);
	useEffect(() => () => strips.close(), [strips]);
	useTopics(strips.news);
	const [to, setTo] = useState(now);
	useEffect(() => {
		const timer = setInterval(() => document.hidden || setTo(now()), range === 'hour' ? 2000 : 15_000);
		setTo(now());
		return () => clearInterval(timer);
	}, [range]);
	const height = useRowHeight(700, 60);
	const narrow = useMatch('(max-width: 699px)');
	const list = view.update(filter, 'trouble', false);
	const from = to - spans[range];
	// Not at each change: there can be many pieces.
	const states = useMemo(() => [...new Set(strips.states(list, from))].sort(), [strips, strips.reads, to, list.length]);

	return (
		<>
			<h1 class="hidden">Timeline</h1>
			<div class="tools">
				<div class="segments" role="group" aria-label="Range">
					{(Object.keys(spans) as Span[]).map(value => (
						<button type="button" key={value} aria-pressed={range === value} onClick={() => (setRange(value), set({span: value === 'hour' ? '' : value}))}>
							last {value}
						</button>
					))}
				</div>
				<label class="search">
					<span class="hidden">Filter</span>
					<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
						<path d="M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.5 10.5 14 14" />
					</svg>
					<input type="search" value={filter} placeholder="Filter" spellcheck={false} autocomplete="off" onInput={event => (setFilter(event.currentTarget.value), set({q: event.currentTarget.value}))} />
				</label>
				<ul class="legend-states" aria-label="Colours">
					{states.slice(0, most).map(state => (
						<li key={state} class={`tone ${toneOf(state).name}`}>
							<i class="swatch" aria-hidden="true" /> {state}
						</li>
					))}
					{states.length > most && <li>and {states.length - most} more</li>}
					<li>
						<i class="swatch none" aria-hidden="true" /> not held
					</li>
				</ul>
			</div>
			{strips.error !== undefined && <Failed error={strips.error} />}
			{list.length === 0 ? (
				<p class="empty">{loaded ? 'Nothing matches.' : 'Reading the instances …'}</p>
			) : (
				<div class="timeline">
					<Axis from={from} to={to} range={range} narrow={narrow} />
					<LongList role="list" label={`States of the last ${range}`} items={list} keyOf={one => one.key} height={height} row={(one, index, top) => <StripOf key={one.key} one={one} index={index} top={top} strips={strips} to={to} length={spans[range]} known={strips.of(one.key)} />} />
				</div>
			)}
		</>
	);
}

function Axis({from, to, range, narrow}: {from: number; to: number; range: Span; narrow: boolean}) {
	const step = {hour: 600_000, day: 4 * 3_600_000, week: 86_400_000}[range] * (narrow ? 2 : 1);
	const ticks: number[] = [];
	const start = new Date(from);
	if (range === 'hour') start.setMinutes(0, 0, 0);
	else start.setHours(0, 0, 0, 0);
	for (let t = start.getTime(); t < to; t += step) if (t >= from + 0.02 * (to - from) && t < to - (narrow ? 0.25 : 0.09) * (to - from)) ticks.push(t);
	return (
		<div class="axis" aria-hidden="true">
			<div class="ticks">
				{ticks.map(t => (
					<span key={t} style={{left: `${((100 * (t - from)) / (to - from)).toFixed(3)}%`}}>
						{range === 'week' ? day(t) : hm(t)}
					</span>
				))}
				<span class="end">now</span>
			</div>
		</div>
	);
}

interface StripProps {
	one: One;
	index: number;
	top: number;
	strips: Strips;
	to: number;
	length: number;
	known: Known | undefined;
}

const StripOf = memo(({one, index, top, to, length, known}: StripProps) => {
	const from = to - length;
	const pieces = known ? upTo(known.pieces, one, to) : [];
	const x = (t: number) => Math.min(1000, Math.max(0, (1000 * (t - from)) / length));
	return (
		<div class={`strip level-${one.trouble.level}`} role="listitem" data-row={one.key} data-key={one.key} data-index={index} style={{transform: `translateY(${top}px)`}}>
			<div class="strip-name">
				<a href={instanceHref(one.key)} title={one.key}>
					{one.key}
				</a>
				{badgeOf(one)}
			</div>
			<svg class="strip-line" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label={known ? summary(pieces, from, to) : 'being read'} data-parts={pieces.length}>
				<rect class="unknown" x="0" y="4.5" width="1000" height="1" />
				{pieces.map(p => {
					const left = x(p.from);
					const width = x(p.to) - left;
					if (p.to < from) return null;
					return (
						<rect key={p.from} class={p.state === undefined ? 'none' : `tone ${toneOf(p.state).name}`} x={left.toFixed(2)} y={p.state === undefined ? '4' : '0'} width={Math.max(width, 0.8).toFixed(2)} height={p.state === undefined ? '2' : '10'}>
							<title>{`${p.state ?? 'not held'}${p.n > 1 ? ` and ${p.n} changes` : ''}\n${at(p.from)} to ${at(p.to)}, ${span(p.to - p.from)}`}</title>
						</rect>
					);
				})}
			</svg>
		</div>
	);
});

// upTo lets the last piece last until now, or begin what the row tells and the stream did not.
function upTo(pieces: Piece[], one: One, to: number): Piece[] {
	const last = pieces.at(-1);
	const {row} = one;
	const gone = ms(row.gone?.at);
	const state = gone === undefined ? stateOf(row) : undefined;
	if (!last) return pieces;
	if (last.state === state) return [...pieces.slice(0, -1), {...last, to: Math.max(to, last.to)}];
	const since = Math.max(last.from, gone ?? ms(row.since) ?? last.to);
	return [...pieces.slice(0, -1), {...last, to: since}, {state, from: since, to: Math.max(to, since), n: 1}];
}

function summary(pieces: Piece[], from: number, to: number): string {
	const spent = new Map<string, number>();
	let changes = 0;
	for (const p of pieces) {
		const time = Math.min(to, p.to) - Math.max(from, p.from);
		if (time <= 0) continue;
		changes += p.n;
		const name = p.state ?? 'not held';
		spent.set(name, (spent.get(name) ?? 0) + time);
	}
	const shares = [...spent].sort(([, a], [, b]) => b - a).map(([name, time]) => `${name} ${Math.round((100 * time) / (to - from))} %`);
	return `${shares.slice(0, 6).join(', ') || 'nothing known'}; ${changes} parts`;
}

