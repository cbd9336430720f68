const units: [number, string][] = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'min'], [1000, 's']];

// span says how long a time is, in its two largest units: 3 d 4 h, 2 min 5 s, 12 s.
export function span(ms: number, parts = 2): string {
	let rest = Math.max(0, ms);
	if (rest < 1000) return rest >= 100 ? `${(rest / 1000).toFixed(1)} s` : '0 s';
	const said: string[] = [];
	for (const [unit, name] of units) {
		const n = Math.floor(rest / unit);
		if (n > 0) said.push(`${n} ${name}`);
		else if (said.length > 0) break;
		rest -= n * unit;
		if (said.length === parts) break;
	}
	return said.join(' ');
}

// age is span with one unit from minutes on, and never a fraction, for what ticks.
export function age(ms: number): string {
	return ms < 1000 ? 'now' : span(ms, ms < 3_600_000 ? 1 : 2);
}

export function ago(ms: number): string {
	return ms < 1000 ? 'just now' : `${span(ms, 1)} ago`;
}

const clock = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const clockShort = new Intl.DateTimeFormat(undefined, {hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const date = new Intl.DateTimeFormat(undefined, {day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23'});
const weekday = new Intl.DateTimeFormat(undefined, {weekday: 'short', day: 'numeric'});

// at says a time of today by the clock, and others with their day.
export function at(ms: number): string {
	return new Date(ms).toDateString() === new Date().toDateString() ? clock.format(ms) : date.format(ms);
}

export const hm = (ms: number) => clockShort.format(ms);
export const day = (ms: number) => weekday.format(ms);

// ms is a time in milliseconds, or undefined without one.
export function ms(time: string | undefined): number | undefined {
	if (!time || time.startsWith('0001-')) return undefined;
	const t = Date.parse(time);
	return Number.isNaN(t) ? undefined : t;
}

// apart keeps the direction of a text, which a user can choose, from the sentence around it.
export const apart = (text: string) => `\u2068${text}\u2069`;

export const count = (n: number, one: string, more = one + 's') => `${n.toLocaleString('en')} ${n === 1 ? one : more}`;

// show makes a text of any value.
export function show(value: unknown): string {
	return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
