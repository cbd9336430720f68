// The list of the overview: filtered and sorted, and kept so as changes come.

import {show} from './format';
import {all, onChange, stateOf, type One} from './model';

export type Order = 'trouble' | 'name' | 'state' | 'changed' | 'started' | 'error' | 'host';

export const orders: Record<Order, string> = {
	trouble: 'Trouble first',
	name: 'Name',
	state: 'State',
	changed: 'Last change',
	started: 'Uptime',
	error: 'Last error',
	host: 'Host',
};

type Compare = (a: One, b: One) => number;

const by = (f: (one: One) => string): Compare => (a, b) => {
	const x = f(a);
	const y = f(b);
	return x < y ? -1 : x > y ? 1 : 0;
};

const name: Compare = (a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

// RFC 3339 of one zone sorts as text.
const compares: Record<Order, Compare> = {
	trouble: (a, b) => b.trouble.level - a.trouble.level,
	name,
	state: by(one => (one.row.gone ? '\uffff' : stateOf(one.row))),
	changed: (a, b) => by(one => one.row.gone?.at ?? one.row.since ?? '')(b, a),
	started: by(one => one.row.started ?? ''),
	error: (a, b) => by(one => one.row.lastErrorAt ?? '')(b, a),
	host: by(one => one.row.host ?? '\uffff'),
};

export function comparing(order: Order, down: boolean): Compare {
	const compare = compares[order];
	const sign = down ? -1 : 1;
	return (a, b) => sign * compare(a, b) || name(a, b);
}

function textOf(one: One): string {
	if (one.text !== undefined) return one.text;
	const {row} = one;
	const fields = row.fields ? Object.entries(row.fields).map(([name, value]) => `${name}:${show(value)}`) : [];
	return (one.text = [row.name, row.key, row.host, row.ip, row.token, row.gone ? `${one.trouble.label} gone` : stateOf(row), row.lastError, ...fields].join('\n').toLowerCase());
}

// matching makes a test of a filter: words that all have to occur, state:NAME, host:NAME, and
// is:trouble, is:gone, is:live. A minus before one turns it round. Quotes keep spaces.
export function matching(filter: string): (one: One) => boolean {
	const tests: ((one: One) => boolean)[] = [];
	for (const [, minus, field, quoted, word] of filter.matchAll(/(-?)(?:(state|host|is):)?(?:"([^"]*)"?|(\S+))/g)) {
		const value = (quoted ?? word ?? '').toLowerCase();
		if (value === '') continue;
		let test: (one: One) => boolean;
		if (field === 'state') test = one => !one.row.gone && stateOf(one.row).toLowerCase() === value;
		else if (field === 'host') test = one => one.row.host?.toLowerCase() === value;
		else if (field === 'is') test = one => (value === 'trouble' ? one.trouble.level >= 2 : value === 'gone' ? one.row.gone !== undefined : one.row.gone === undefined);
		else test = one => textOf(one).includes(value);
		tests.push(minus ? one => !test(one) : test);
	}
	return one => tests.every(test => test(one));
}

// View keeps the list. After few changes it takes those out and puts them in again, in one pass.
export class View {
	list: One[] = [];
	private asked = '';
	private changed = new Set<string>();
	private stop = onChange(key => this.changed.add(key));

	update(filter: string, order: Order, down: boolean): One[] {
		const asked = JSON.stringify([filter, order, down]);
		const compare = comparing(order, down);
		const matches = matching(filter);
		if (asked !== this.asked || this.changed.size > all.size / 4) {
			this.asked = asked;
			const list: One[] = [];
			for (const one of all.values()) if (matches(one)) list.push(one);
			this.list = list.sort(compare);
		} else if (this.changed.size > 0) {
			const put: One[] = [];
			for (const key of this.changed) {
				const one = all.get(key);
				if (one && matches(one)) put.push(one);
			}
			put.sort(compare);
			const list: One[] = [];
			let i = 0;
			for (const one of this.list) {
				if (this.changed.has(one.key)) continue;
				while (i < put.length && compare(put[i]!, one) < 0) list.push(put[i++]!);
				list.push(one);
			}
			while (i < put.length) list.push(put[i++]!);
			this.list = list;
		}
		this.changed.clear();
		return this.list;
	}

	close() {
		this.stop();
	}
}
