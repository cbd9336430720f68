// Reads what belongs to a key again, whenever the key has changed.

import {onChange} from './model';

// reread reads at once and after each change of a key, one at a time and with a pause after each, until
// the function that it returns is called. read handles its own errors; its signal ends with reread.
export function reread(key: string, pause: number, read: (signal: AbortSignal) => Promise<void>): () => void {
	const stop = new AbortController();
	let running = false;
	let again = false;
	const run = async () => {
		if (running) return void (again = true);
		running = true;
		do {
			again = false;
			await read(stop.signal);
			await new Promise(done => setTimeout(done, pause));
		} while (again && !stop.signal.aborted);
		running = false;
	};
	void run();
	const end = onChange(changed => changed === key && void run());
	return () => {
		stop.abort();
		end();
	};
}
