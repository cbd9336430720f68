// The stream of all tabs. A browser opens six connections to a server of HTTP/1.1, so that a
// source for each tab would stop the seventh. A tab that comes later is told all that a new
// source would tell it.

import type {Hello, Item, Row} from './api';
import {openSource, type Link} from './source';

declare const self: {onconnect: ((event: MessageEvent) => void) | null; location: Location};

const ports = new Set<MessagePort>();
const rows = new Map<string, Row>();
let seen: Set<string> | undefined; // by the set of rows under way
let feed: Item[] = [];
let hello: Hello | undefined;
let helloAt = 0;
let current: string | undefined;
let link: Link | undefined;

const keptItems = 500;

function event(name: string, data: string) {
	for (const port of ports) port.postMessage([name, data]);
	if (name === 'beat') return;
	const value = JSON.parse(data);
	switch (name) {
		case 'hello':
			hello = value;
			helloAt = Date.now();
			current = undefined;
			break;
		case 'rows':
		case 'change':
			if (value.first) seen = new Set();
			for (const row of value.rows as Row[]) {
				rows.set(row.key, row);
				seen?.add(row.key);
			}
			if (value.last) {
				for (const key of rows.keys()) if (!seen?.has(key)) rows.delete(key);
				seen = undefined;
			}
			break;
		case 'feed':
			feed = value.all ? value.items : feed.concat(value.items);
			if (feed.length > 2 * keptItems) feed = feed.slice(-keptItems);
			break;
		case 'current':
			current = data;
	}
}

const retry = openSource(new URL('../', self.location.href).href, {
	event,
	link(next) {
		link = next;
		for (const port of ports) port.postMessage(['link', JSON.stringify(next)]);
	},
});

setInterval(() => {
	for (const port of ports) port.postMessage(['alive']);
}, 15_000);

// catchUp tells a tab what all others know.
function catchUp(port: MessagePort) {
	if (link) port.postMessage(['link', JSON.stringify(link)]);
	if (!hello) return;
	const say = (name: string, value: unknown) => port.postMessage([name, JSON.stringify(value)]);
	say('hello', {...hello, now: new Date(Date.parse(hello.now) + Date.now() - helloAt).toISOString()});
	const old = Date.now() - (hello.keepGone ?? 0) - 60_000;
	for (const {key, gone} of rows.values()) if (gone && Date.parse(gone.at) < old) rows.delete(key);
	// While a set of rows comes, those that it has had so far: the rest follows.
	const all = [...rows.values()].filter(({key}) => !seen || seen.has(key));
	for (let i = 0; i === 0 || i < all.length; i += 500) say('rows', {rows: all.slice(i, i + 500), first: i === 0, last: i + 500 >= all.length && !seen});
	say('feed', {items: feed.slice(-keptItems), all: true});
	if (current) port.postMessage(['current', current]);
}

self.onconnect = connection => {
	const port = connection.ports[0]!;
	port.onmessage = message => {
		switch (message.data) {
			case 'hi':
				ports.add(port);
				catchUp(port);
				break;
			case 'bye':
				ports.delete(port);
				break;
			case 'ping':
				port.postMessage(['alive']);
				break;
			case 'retry':
				retry();
		}
	};
	port.addEventListener('close', () => ports.delete(port));
	port.start();
};
