// A tone is the colour of a state: by what its name says, and apart from the others that are shown.
// It is never the only sign; the name stands beside it.

export type Kind = 'bad' | 'good' | 'moving' | 'still' | 'other';

const words: [Kind, RegExp][] = [
	['bad', /err|fail|fault|broken|crash|offline|lost|stuck|unhealthy|degraded|dead|panic|abort|denied|rejected|blocked|halted/i],
	['good', /^(active|running|ready|connected|serving|online|up|healthy|ok|live|working|processing|streaming|leading|leader|listening|subscribed|synced|open|primary)\b/i],
	['still', /^(idle|stopped|off|paused|closed|done|finished|ended|disabled|inactive|standby|waiting|new|created|none|registered|disconnected|suspended)\b/i],
	['moving', /ing$|^(start|stop|init|boot|warm|drain|retry|recover|restart)/i],
];

const room: Record<Kind, number> = {bad: 3, good: 3, moving: 6, still: 2, other: 6};

export interface Tone {
	kind: Kind;
	name: string; // of its class
}

const tones = new Map<string, Tone>();
const taken = new Map<string, number>(); // how many states have a tone

// lastOf is the innermost of names in a row.
const lastOf = (state: string) => state.split(/[./:]/).at(-1)!;

export function kindOf(state: string): Kind {
	const last = lastOf(state);
	for (const [kind, pattern] of words) if (pattern.test(last)) return kind;
	return 'other';
}

// A brief state is on the way to another. Others that end in -ing, such as trading, may last.
const brief = /^((re)?connecting|dialing|(un|re)?registering|authenticating|authorizing|handshaking|negotiating|acquiring|(re|un)?subscribing|(re)?starting|booting|initiali[sz]ing|stopping|shutting.?down|terminating|closing|opening|joining|leaving|retrying|recovering|resetting)$/i;

export const isBrief = (state: string) => brief.test(lastOf(state));

function hash(text: string): number {
	let h = 2166136261;
	for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
	return h >>> 0;
}

// toneOf returns the same tone for a state for as long as the page is open. Those that are asked for
// in the same order have the same tones on every page.
export function toneOf(state: string): Tone {
	let tone = tones.get(state);
	if (tone) return tone;
	if (tones.size > 1000) {
		tones.clear();
		taken.clear();
	}
	const kind = state === '' ? 'still' : kindOf(state);
	const n = room[kind];
	const first = kind === 'bad' || kind === 'good' ? 0 : hash(state) % n;
	let best = first;
	for (let i = 0; i < n; i++) {
		const slot = (first + i) % n;
		if ((taken.get(`${kind}-${slot}`) ?? 0) < (taken.get(`${kind}-${best}`) ?? 0)) best = slot;
	}
	const name = `${kind}-${best}`;
	taken.set(name, (taken.get(name) ?? 0) + 1);
	tone = {kind, name};
	tones.set(state, tone);
	return tone;
}
