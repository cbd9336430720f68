// The troubles of instances: how bad, and why, in one sentence that is enough without the instance's page.

import type {Row} from './api';
import {ago, apart, ms, span} from './format';
import {isBrief, kindOf} from './tones';

// Level 3 needs somebody now, 2 soon, 1 is worth a note.
export interface Trouble {
	level: 0 | 1 | 2 | 3;
	label: string;
	why: (now: number) => string;
	short?: string; // why, beside the state and the time in it
	tells?: boolean; // of the last error
	until?: number; // it is another by itself then
}

export const none: Trouble = {level: 0, label: '', why: () => ''};

const errorStays = 15 * 60_000; // in a state that is good otherwise
const before = 5000; // an error that led to a state came before it
const brief = 5 * 60_000; // the longest that a state such as connecting should last

// late is how much of its time to live an instance has been silent for.
export function judge(row: Row, late: number | undefined, now: number): Trouble {
	const state = row.state ?? '';
	if (row.gone) {
		const at = ms(row.gone.at) ?? now;
		const last = row.lastError ? ` Last error: ${apart(row.lastError)}` : '';
		const short = row.lastError ? `Went silent. Last error: ${apart(row.lastError)}` : 'Went silent: its lease ran out.';
		const lasts = row.ttl ? `, ${span(row.ttl)} after its last heartbeat` : '';
		switch (row.gone.why) {
			case 'expired':
				return {level: 3, label: 'offline', short, tells: true, why: now => `Went silent: its lease ran out ${ago(now - at)}${lasts}.${last}`};
			case 'lost':
				return {level: 3, label: 'offline', short: row.lastError ? short : 'Went silent: its lease ended.', tells: true, why: now => `Went silent: its lease ended ${ago(now - at)} without a word of it in its log.${last}`};
			case 'left':
				return {level: 0, label: 'left', why: now => `Left in order ${ago(now - at)}.`};
			case 'deleted':
				return {level: 1, label: 'released', tells: true, why: now => `Its record was deleted ${ago(now - at)}.${last}`};
		}
		return {level: 2, label: 'gone', tells: true, why: now => `Went ${ago(now - at)}; it is not known why.${last}`};
	}
	if (row.kind === 'foreign') return {level: 2, label: 'foreign', why: () => 'Another program wrote a value under this key.'};

	const since = ms(row.since);
	const errorAt = ms(row.lastErrorAt);
	const kind = kindOf(state);
	const ofThisState = !!row.lastError && errorAt !== undefined && (since === undefined || errorAt >= since - before);
	if (kind === 'bad') return {level: 3, label: 'error', short: row.lastError && apart(row.lastError), tells: true, why: now => `In ${apart(state)}${since === undefined ? '' : ` for ${span(now - since, 1)}`}${row.lastError ? `: ${apart(row.lastError)}` : '.'}`};
	if (late !== undefined && row.ttl) {
		const {ttl} = row;
		return {level: 3, label: 'silent', why: () => `No heartbeat for ${span(late * ttl, 1)} of the ${span(ttl)} that its lease lasts.`};
	}
	if (ofThisState && kind === 'moving') return {level: 2, label: 'error', tells: true, why: now => `Still ${apart(state)} since an error ${ago(now - errorAt)}: ${apart(row.lastError!)}`};
	if (isBrief(state) && since !== undefined) {
		if (now <= since + brief) return {...none, until: since + brief};
		return {level: 2, label: 'stuck', short: 'Stuck, without an error.', why: now => `Stuck in ${apart(state)} for ${span(now - since, 1)}, without an error.`};
	}
	if (!ofThisState || now > errorAt + errorStays) return none;
	return {level: 2, label: 'error', tells: true, why: now => `Error ${ago(now - errorAt)}: ${apart(row.lastError!)}`, until: errorAt + errorStays};
}
