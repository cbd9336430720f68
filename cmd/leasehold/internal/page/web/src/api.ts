// The answers of the server. Times are RFC 3339, durations milliseconds. A field that is not known is absent.

export interface Gone {
	at: string;
	why: string; // left, expired, lost, deleted, unknown
}

export interface Row {
	key: string;
	kind: string; // instance, lease, foreign
	name: string;
	state?: string;
	token?: string;
	host?: string;
	ip?: string;
	pid?: number;
	since?: string; // of the state
	started?: string;
	lastError?: string;
	lastErrorAt?: string;
	ttl?: number;
	requests?: boolean;
	fields?: Record<string, unknown>;
	rest?: string; // another one for another payload with the same fields
	gone?: Gone;
}

export interface Hello {
	page: {id?: string; version?: string} | string;
	store: string;
	prefix?: string;
	allowRequests?: boolean;
	version?: string;
	now: string;
	instances?: number;
	truncated?: number;
	keepGone?: number;
	precision?: number;
	current?: boolean;
	since?: string;
	error?: string;
}

export interface Current {
	current: boolean;
	since?: string;
	error?: string;
}

export interface Item {
	at: string;
	seen?: string;
	key: string;
	name?: string;
	kind: string; // registered, transition, error, gone
	from?: string;
	to?: string;
	event?: string;
	cause?: string;
	error?: string;
	why?: string;
	forced?: boolean;
}

export interface Step {
	number?: number;
	from: string;
	to: string;
	event?: string;
	at: string;
	cause?: string;
	forced?: boolean;
	start?: boolean;
}

export interface StateOf {
	name: string;
	parent?: string;
	initial?: string; // the child that is entered
	final?: boolean;
	history?: string; // shallow or deep
}

export interface Edge {
	from: string;
	to: string;
	declared: string; // from, or the state around it that lists the edge
	events?: {name: string; guards?: string[]}[];
	guards?: string[];
	timeouts?: string[];
}

// Definition has the initial state first.
export interface Definition {
	states: StateOf[];
	edges: Edge[];
	guessed?: boolean; // from a history
}

export interface PermittedEvent {
	name: string;
	to?: string;
	arg?: boolean;
}

export interface Instance {
	row: Row;
	left?: number;
	payload?: unknown;
	text?: string;
	size?: number;
	permitted?: {states?: string[]; events?: PermittedEvent[]};
	history?: Step[]; // oldest first
	definition?: string; // its fingerprint
}

export interface Entry {
	pos: string;
	token?: string;
	number?: number;
	at: string;
	kind: string; // registered, transition, request, error, left, lost
	instance?: string;
	host?: string;
	transition?: Step;
	request?: {id?: string; sender?: string; what?: string; outcome?: string; error?: string; took?: string};
	text?: string;
}

export interface Log {
	entries: Entry[];
	more?: string;
}

export interface Part {
	state?: string; // absent: nobody held the key
	from: string;
	to: string;
	n?: number; // changes within it
}

export interface Strip {
	key: string;
	parts: Part[];
	cut?: string;
}

export interface Answer {
	outcome: string;
	state?: string;
	permitted?: string[];
	error?: string;
	at?: string;
	id?: string;
}

// Failure is an answer of the server that is not what was asked for.
export class Failure extends Error {
	constructor(
		readonly status: number, // 0: no answer
		message: string,
		readonly advice = '',
	) {
		super(message);
	}
}

const limit = 45_000; // of a request, which an instance may take half a minute to answer

// ask sends a request to a path below the page's own and returns its answer. A body makes it a POST.
export async function ask<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
	let response: Response;
	try {
		response = await fetch(path, {
			method: body === undefined ? 'GET' : 'POST',
			headers: body === undefined ? {} : {'Content-Type': 'application/json'},
			body: body === undefined ? undefined : JSON.stringify(body),
			signal: AbortSignal.any([AbortSignal.timeout(limit), ...(signal ? [signal] : [])]),
		});
	} catch (error) {
		if (signal?.aborted) throw error;
		throw new Failure(0, 'The server of this page cannot be reached.');
	}
	const answer = await response.json().catch(() => undefined);
	if (response.ok && answer !== undefined) return answer as T;
	const {error, do: advice} = (answer ?? {}) as {error?: string; do?: string};
	throw new Failure(response.status, error ?? `The server answered ${response.status}.`, advice ?? (response.status === 401 ? 'Open the link with the token again.' : ''));
}

export function query(params: Record<string, string | number | undefined>): string {
	const q = new URLSearchParams();
	for (const [name, value] of Object.entries(params)) if (value !== undefined && value !== '') q.set(name, String(value));
	return q.toString();
}
