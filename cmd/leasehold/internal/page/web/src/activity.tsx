import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import type {Item} from './api';
import {at, ms} from './format';
import {LongList} from './list';
import {feed, items} from './model';
import {Badge, Icon, useRowHeight} from './parts';
import {instanceHref, param, set} from './route';
import {useTopics} from './topic';

const kinds = ['transition', 'error', 'registered', 'gone'];
let serial = 0;
const serials = new WeakMap<Item, string>();

function keyOf(item: Item): string {
	let key = serials.get(item);
	if (key === undefined) serials.set(item, (key = String(++serial)));
	return key;
}

export function Activity() {
	useTopics(items);
	const [kind, setKind] = useState(() => param('kind'));
	const [filter, setFilter] = useState(() => param('q'));
	const [stopped, setStopped] = useState<Item[] | undefined>();
	const height = useRowHeight(700, 64);
	const source = stopped ?? feed;
	const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
	const list: Item[] = [];
	for (let i = source.length - 1; i >= 0 && list.length < 2000; i--) {
		const item = source[i]!;
		if (kind !== '' && item.kind !== kind) continue;
		if (words.length > 0) {
			const text = [item.key, item.name, item.kind, item.from, item.to, item.event, item.cause, item.error, item.why].join('\n').toLowerCase();
			if (!words.every(word => text.includes(word))) continue;
		}
		list.push(item);
	}

	// While somebody reads further down, nothing moves.
	const held = useRef(false);
	useEffect(() => {
		const onScroll = () => {
			const down = scrollY > 40;
			if (down && !held.current) {
				held.current = true;
				setStopped(before => before ?? feed.slice());
			} else if (!down && held.current) {
				held.current = false;
				setStopped(undefined);
			}
		};
		addEventListener('scroll', onScroll, {passive: true});
		return () => removeEventListener('scroll', onScroll);
	}, []);
	const waiting = useMemo(() => (stopped ? newer(stopped) : 0), [stopped, feed.length, feed.at(-1)]);

	return (
		<>
			<h1 class="hidden">Activity</h1>
			<div class="tools">
				<div class="segments" role="group" aria-label="Kinds of activity">
					{['', ...kinds].map(value => (
						<button type="button" key={value} aria-pressed={kind === value} onClick={() => (setKind(value), set({kind: value}))}>
							{value || 'all'}
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
				<button
					type="button"
					class="button"
					onClick={() => {
						held.current = false;
						if (stopped) {
							setStopped(undefined);
							scrollTo(0, 0);
						} else setStopped(feed.slice());
					}}
				>
					<Icon name={stopped ? 'play' : 'pause'} /> {stopped ? (waiting > 0 ? `Show ${waiting.toLocaleString('en')} new` : 'Go on') : 'Pause'}
				</button>
			</div>
			{list.length === 0 ? (
				<p class="empty">{feed.length === 0 ? 'Nothing has happened yet.' : 'Nothing matches.'}</p>
			) : (
				<LongList role="list" class="feed" label="Activity, the newest first" items={list} keyOf={keyOf} height={height} row={(item, index, top) => <ItemOf key={keyOf(item)} item={item} index={index} top={top} />} />
			)}
		</>
	);
}

// newer counts what came since a copy of the feed was taken.
function newer(copy: Item[]): number {
	const last = copy.at(-1);
	if (!last) return feed.length;
	const at = feed.lastIndexOf(last);
	return at < 0 ? feed.length : feed.length - 1 - at;
}

function ItemOf({item, index, top}: {item: Item; index: number; top: number}) {
	const t = ms(item.at) ?? ms(item.seen) ?? 0;
	const bad = item.kind === 'error' || (item.kind === 'gone' && item.why !== 'left');
	return (
		<div class={`item ${bad ? 'bad' : ''}`} role="listitem" data-row={keyOf(item)} data-index={index} style={{transform: `translateY(${top}px)`}}>
			<time class="num faint" dateTime={item.at} title={item.at}>
				{at(t)}
			</time>
			<a href={instanceHref(item.key)} title={item.key}>
				{item.key}
			</a>
			<span class="item-text">
				<Text item={item} />
			</span>
		</div>
	);
}

const whys: Record<string, string> = {left: 'left in order', expired: 'went silent: its lease ran out', lost: 'went silent: its lease ended', deleted: 'its record was deleted'};

function Text({item}: {item: Item}) {
	switch (item.kind) {
		case 'transition':
			return (
				<>
					{item.from && (
						<>
							<Badge state={item.from} /> <span aria-label="to">→</span>{' '}
						</>
					)}
					<Badge state={item.to ?? ''} />
					{item.event && <span class="faint"> {item.event}</span>} {item.cause && <span>{item.cause}</span>}
				</>
			);
		case 'registered':
			return (
				<>
					<span class="kind kind-registered">registered</span> {item.to && <Badge state={item.to} />} <span class="faint">{item.name !== item.key && item.name}</span>
				</>
			);
		case 'gone':
			return (
				<>
					<span class={`kind ${item.why === 'left' ? 'kind-left' : 'kind-lost'}`}>{item.why === 'left' ? 'left' : 'gone'}</span> {whys[item.why ?? ''] ?? 'went; it is not known why'}
				</>
			);
		case 'error':
			return (
				<>
					<span class="kind kind-error">error</span> {item.error}
				</>
			);
	}
	return (
		<>
			<span class="kind">{item.kind}</span> {item.error ?? item.cause ?? item.why}
		</>
	);
}

