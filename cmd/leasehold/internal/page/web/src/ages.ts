// How long ago the heartbeats were, of the instances in view alone: a renewal without a value is no
// event. The store tells the time left of a lease: the age is the rest of its time to live.

import {ask} from './api';
import {all, isCurrent, setLate} from './model';
import {Topic} from './topic';

export interface Age {
	age: number;
	ttl: number;
}

export const ages = new Topic();

const known = new Map<string, Age>();
const most = 200; // of one request

export const ageOf = (key: string): Age | undefined => known.get(key);

// Elements that show an age have its key in data-beat.
function inView(): Set<string> {
	const keys = new Set<string>();
	for (const element of document.querySelectorAll<HTMLElement>('[data-beat]')) {
		const {top, bottom} = element.getBoundingClientRect();
		const one = bottom > 0 && top < innerHeight ? all.get(element.dataset.beat!) : undefined;
		if (one && !one.row.gone && one.row.kind !== 'foreign') keys.add(one.key);
		if (keys.size === most) break;
	}
	return keys;
}

let timer: ReturnType<typeof setTimeout> | undefined;
let due = Infinity;
let reading = false;

// soon has the ages read within a time, in milliseconds.
function soon(within: number) {
	const at = performance.now() + within;
	if (reading || at >= due) return;
	due = at;
	clearTimeout(timer);
	timer = setTimeout(read, within);
}

function told(key: string, age: number, ttl: number) {
	const before = known.get(key);
	if (!before || before.ttl !== ttl || Math.abs(before.age - age) > 100) known.set(key, {age, ttl});
	const late = all.get(key)?.late;
	if (age > 0.8 * ttl) setLate(key, age / ttl);
	else if (late !== undefined && age < 0.5 * ttl) setLate(key, undefined);
}

async function read() {
	due = Infinity;
	let ttl = Infinity;
	if (!isCurrent() && known.size > 0) {
		known.clear();
		ages.changed();
	}
	const keys = document.hidden || !isCurrent() ? new Set<string>() : inView();
	if (keys.size > 0) {
		reading = true;
		try {
			const answer = await ask<{ages: {key: string; left?: number; ttl?: number; gone?: boolean}[]}>('api/ages', {keys: [...keys]});
			if (known.size > 2000) known.clear();
			for (const {key, left, ttl, gone} of answer.ages) {
				if (gone || left === undefined || left < 0 || !ttl) known.delete(key);
				else told(key, Math.max(0, ttl - left), ttl);
			}
		} catch {
			known.clear();
		}
		reading = false;
		for (const key of keys) ttl = Math.min(ttl, all.get(key)?.row.ttl || Infinity);
		ages.changed();
	}
	soon(keys.size === 0 ? 1000 : Math.min(5000, Math.max(1200, ttl / 8)));
}

// startAges reads ages for as long as the page is open.
export function startAges() {
	addEventListener('scroll', () => soon(200), {passive: true});
	document.addEventListener('visibilitychange', () => soon(50));
	soon(300);
}

// wantAges has the ages read soon, after other instances have come into view.
export const wantAges = () => soon(100);
