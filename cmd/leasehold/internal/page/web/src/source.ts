// One event source, opened again whenever it ended. A browser gives one up for good after an answer
// such as 503, and never notices a connection that is dead but was not closed: so it is closed here
// at any error and after a silence, and a new one is opened after a pause that grows.

export interface Link {
	open: boolean;
	since: number; // when that began, in milliseconds
	why?: string; // it is not open
	retryAt?: number;
}

export interface Sink {
	event(name: string, data: string): void;
	link(link: Link): void;
}

const names = ['hello', 'rows', 'change', 'feed', 'current', 'beat', 'bye'];
const silence = 40_000; // the server says something every 15 s
const pauses = [500, 1000, 2000, 4000, 8000, 15_000];

// openSource opens the events below base. The function that it returns tries again now.
export function openSource(base: string, sink: Sink): () => void {
	let failures = 0;
	let link: Link = {open: false, since: Date.now()};
	let source: EventSource | undefined;
	let timer: ReturnType<typeof setTimeout> | undefined;
	let attempt = 0;
	let heard = Date.now(); // this clock goes on while the machine sleeps; those of timers stand still

	const say = (next: Omit<Link, 'since'>) => {
		link = {...next, since: next.open === link.open ? link.since : Date.now()};
		sink.link(link);
	};

	const listen = () => {
		heard = Date.now();
		clearTimeout(timer);
		timer = setTimeout(() => fail('The server has been silent.'), silence);
	};

	const fail = (why?: string) => {
		source?.close();
		source = undefined;
		clearTimeout(timer);
		const pause = pauses[Math.min(failures, pauses.length - 1)]! * (0.75 + Math.random() / 2);
		failures++;
		say({open: false, why: why ?? link.why, retryAt: Date.now() + pause});
		timer = setTimeout(connect, pause);
		if (!why) void explain(attempt);
	};

	// explain asks for the reason, which an event source does not tell.
	const explain = async (of: number) => {
		let why = 'The server of this page cannot be reached.';
		try {
			const response = await fetch(`${base}api/ages`, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"keys":[]}', signal: AbortSignal.timeout(5000)});
			const answer = await response.json().catch(() => ({}));
			if (response.status === 401) why = 'The server asks for the token: open the link with the token again.';
			else if (!response.ok) why = answer.error ?? `The server answered ${response.status}.`;
			else why = 'The connection to the server ended.';
		} catch {
			// it stays with that
		}
		if (!link.open && of === attempt) say({...link, why});
	};

	const connect = () => {
		attempt++;
		source?.close();
		const opened = new EventSource(`${base}api/events`);
		source = opened;
		listen();
		opened.onerror = () => source === opened && fail();
		for (const name of names) {
			opened.addEventListener(name, event => {
				if (source !== opened) return;
				listen();
				if (name === 'bye') return fail('The server of this page has ended.');
				if (name === 'hello') {
					failures = 0;
					say({open: true});
				}
				sink.event(name, (event as MessageEvent<string>).data);
			});
		}
	};

	const now = () => {
		if (!link.open) connect();
	};
	setInterval(() => source && Date.now() - heard > silence && fail('The server has been silent.'), 5000);
	addEventListener('online', now);
	connect();
	return now;
}
