// The stream as a tab sees it: through the worker that all tabs share, or by a source of its own in
// a browser that has no such workers.

import {openSource, type Sink} from './source';
import {scriptOf} from './trusted';

const silence = 40_000; // the worker says something every 15 s
const grace = 5_000;

// openStream returns a function that has the connection tried again now.
export function openStream(sink: Sink): () => void {
	const own = () => openSource(document.baseURI.replace(/[?#].*/, ''), sink);
	if (typeof SharedWorker === 'undefined') return own();

	let retry = () => port.postMessage('retry');
	let heard = performance.now();
	let ended = false;
	const worker = new SharedWorker(scriptOf('shared'));
	const {port} = worker;
	const hi = () => port.postMessage('hi');
	const bye = () => port.postMessage('bye');

	// A worker that does not start, or that the browser has ended, leaves the tab to itself.
	const alone = () => {
		if (ended) return;
		ended = true;
		clearInterval(timer);
		bye();
		port.onmessage = null;
		retry = own();
	};
	worker.onerror = alone;
	const timer = setInterval(() => {
		if (document.hidden || performance.now() - heard < silence) return;
		const before = heard;
		port.postMessage('ping'); // the tab may have slept
		setTimeout(() => heard === before && alone(), grace);
	}, 10_000);

	port.onmessage = message => {
		heard = performance.now();
		const [name, data] = message.data as [string, string];
		if (name === 'link') sink.link(JSON.parse(data));
		else if (name !== 'alive') sink.event(name, data);
	};
	port.start();
	// A tab that is frozen or left would gather messages.
	addEventListener('pagehide', bye);
	addEventListener('pageshow', event => event.persisted && !ended && hi());
	document.addEventListener('freeze', bye);
	document.addEventListener('resume', () => ended || hi());
	hi();
	return () => retry();
}
