// Everything that the stream has told, and when it told it.

import type {Current, Hello, Item, Row} from './api';
import {ms} from './format';
import type {Link} from './source';
import {openStream} from './stream';
import {toneOf} from './tones';
import {Topic} from './topic';
import {judge, type Trouble} from './trouble';

// One is an instance. A change makes a new one, so that what is drawn can tell.
export interface One {
	readonly key: string;
	readonly row: Row;
	readonly late?: number;
	readonly trouble: Trouble;
	readonly order: string; // by name, numbers as numbers
	text?: string; // to search in, made when needed
}

export const instances = new Topic();
export const items = new Topic();
export const links = new Topic();

export let hello: Hello | undefined;
export let link: Link | undefined;
export let current: Current = {current: true};
export let loaded = false;
export let first: string | undefined; // version of the server that the page came from

export const all = new Map<string, One>();
export const states = new Map<string, number>(); // of those that live
export const fieldNames = new Set<string>(); // of the payloads
export let troubled = 0;
export let goneCount = 0;

// The newest items last.
export let feed: Item[] = [];
export let feedCount = 0; // of all that ever came
const feedRoom = 2000;

let offset = 0;

// now is the time by the server's clock.
export const now = () => Date.now() + offset;

// isCurrent says whether the page shows the state of the store.
export const isCurrent = () => link?.open === true && current.current;

type Listener = (key: string) => void;
const changes = new Set<Listener>();

// onChange tells of each key that changed.
export function onChange(listener: Listener): () => void {
	changes.add(listener);
	return () => changes.delete(listener);
}

const news = new Set<(items: Item[], all: boolean) => void>();

// onItems tells of the items of the feed as they come, and whether they replace all before.
export function onItems(listener: (items: Item[], all: boolean) => void): () => void {
	news.add(listener);
	return () => news.delete(listener);
}

function count(one: One, by: 1 | -1) {
	if (one.trouble.level >= 2) troubled += by;
	if (one.row.gone) {
		goneCount += by;
		return;
	}
	const state = stateOf(one.row);
	const n = (states.get(state) ?? 0) + by;
	if (n > 0) states.set(state, n);
	else states.delete(state);
}

// stateOf names the state also of what has none.
export const stateOf = (row: Row) => row.state ?? (row.kind === 'foreign' ? 'foreign value' : 'lease only');

const orders = new Map<string, string>();

function orderOf(row: Row): string {
	let order = orders.get(row.key);
	if (order === undefined) {
		order = row.key.toLowerCase().replace(/\d+/g, digits => digits.padStart(12, '0'));
		if (orders.size > 100_000) orders.clear();
		orders.set(row.key, order);
	}
	return order;
}

function put(row: Row, late: number | undefined) {
	const before = all.get(row.key);
	if (before) count(before, -1);
	const one: One = {key: row.key, row, late, trouble: judge(row, late, now()), order: orderOf(row)};
	all.set(row.key, one);
	count(one, 1);
	if (row.fields && fieldNames.size < 100) for (const name in row.fields) fieldNames.add(name);
	for (const listener of changes) listener(row.key);
}

function drop(one: One) {
	count(one, -1);
	all.delete(one.key);
	for (const listener of changes) listener(one.key);
}

// setLate says of an instance for which share of its time to live it has been silent; undefined is
// not long.
export function setLate(key: string, late: number | undefined) {
	const one = all.get(key);
	if (!one || one.row.gone || one.late === late) return;
	put(one.row, late);
	instances.changed();
}

let seen: Set<string> | undefined; // by the set of rows under way

function event(name: string, data: string) {
	const value = JSON.parse(data);
	switch (name) {
		case 'hello':
			hello = value as Hello;
			first ??= hello.version;
			offset = (ms(hello.now) ?? Date.now()) - Date.now();
			current = {current: hello.current ?? true, since: hello.since, error: hello.error};
			links.changed();
			break;
		case 'rows':
		case 'change':
			if (value.first) seen = new Set();
			for (const row of value.rows as Row[]) {
				put(row, row.gone ? undefined : all.get(row.key)?.late);
				seen?.add(row.key);
			}
			if (value.last) {
				for (const one of all.values()) if (!seen?.has(one.key)) drop(one);
				seen = undefined;
				loaded = true;
				[...states.keys()].sort().forEach(toneOf);
			}
			instances.changed();
			break;
		case 'feed': {
			const come = value.items as Item[];
			feed = value.all ? come : feed.concat(come);
			feedCount += come.length;
			if (feed.length > 2 * feedRoom) feed = feed.slice(-feedRoom);
			for (const listener of news) listener(come, !!value.all);
			items.changed();
			break;
		}
		case 'current':
			current = value as Current;
			links.changed();
			break;
		case 'beat':
			offset = (ms(value.now) ?? now()) - Date.now();
	}
}

// settle does what comes with time: those that went end, and troubles begin and end.
function settle() {
	const t = now();
	let changed = false;
	for (const one of all.values()) {
		const {gone} = one.row;
		if (gone && t > (ms(gone.at) ?? 0) + (hello?.keepGone ?? 600_000)) {
			drop(one);
			changed = true;
		} else if (one.trouble.until !== undefined && t > one.trouble.until) {
			put(one.row, one.late);
			changed = true;
		}
	}
	if (changed) instances.changed();
}

export let retry: () => void = () => {};

export function start() {
	retry = openStream({
		event,
		link(next) {
			link = next;
			links.changed();
		},
	});
	setInterval(settle, 5000);
}
