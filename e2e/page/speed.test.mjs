// Measures the page: how late a change is on it, how busy its main thread is, how much memory it and its
// server have, and how it copes with ten thousand instances. It prints what it measures, and fails only
// if the page shows something wrong.

import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {launch, open, tell, until, world} from './world.mjs';

const pause = ms => new Promise(done => setTimeout(done, ms));
const minutes = Number(process.env.MINUTES ?? 1); // of the measurement of memory
let browser, url;

before(async () => {
	browser = await launch();
	({url} = await world('serve'));
});
after(() => browser?.close());

// tasks runs something while the browser keeps a record, and returns the tasks of the page's main thread:
// how long each lasted and how much of a processor it had, in milliseconds.
async function tasks(run) {
	const session = await browser.newBrowserCDPSession();
	const events = [];
	session.on('Tracing.dataCollected', ({value}) => events.push(...value));
	await session.send('Tracing.start', {transferMode: 'ReportEvents', traceConfig: {includedCategories: ['toplevel'], excludedCategories: ['*']}});
	const began = Date.now();
	await run();
	const elapsed = Date.now() - began;
	const complete = new Promise(done => session.once('Tracing.tracingComplete', done));
	await session.send('Tracing.end');
	await complete;
	await session.detach();
	const main = new Set(events.filter(({name, args}) => name === 'thread_name' && args.name === 'CrRendererMain').map(({pid, tid}) => `${pid} ${tid}`));
	const threads = new Map();
	for (const {name, ph, pid, tid, dur, tdur} of events) {
		if (ph !== 'X' || !name.endsWith('ThreadControllerImpl::RunTask') || !main.has(`${pid} ${tid}`)) continue;
		const key = `${pid} ${tid}`;
		threads.set(key, [...(threads.get(key) ?? []), {lasted: dur / 1000, worked: (tdur ?? 0) / 1000}]);
	}
	const work = list => list.reduce((sum, {worked}) => sum + worked, 0);
	const list = [...threads.values()].sort((a, b) => work(b) - work(a))[0] ?? [];
	return {busy: work(list) / elapsed, list};
}

const percent = x => `${(100 * x).toFixed(1)} %`;
const most = (list, of) => Math.round(Math.max(0, ...list.map(task => task[of])));

test('1,000 instances, 200 changes a second', async t => {
	const [watched] = await world('start', {first: 1, prefix: 'a:', ttl: '15s'});
	await world('start', {first: 2, count: 999, rate: 200, ttl: '15s'});
	const page = await open(browser, `${url}?sort=name`, {viewport: {width: 1600, height: 900}});
	await until(page, () => document.querySelector('.total .big')?.textContent === '1,000');
	await pause(2000);

	for (const path of ['', '?page=activity', '?page=timeline']) {
		await page.goto(url + path);
		await pause(3000);
		const {busy, list} = await tasks(() => pause(10_000));
		t.diagnostic(`${path || 'overview'}: the main thread works ${percent(busy)} of the time; the longest task has ${most(list, 'worked')} ms of work in ${most(list, 'lasted')} ms`);
	}

	// The row of an instance that sorts first is watched, and its own time of the change taken.
	await page.goto(`${url}?sort=name`);
	await page.locator(`[data-key="${watched}"]`).waitFor();
	const late = [];
	const states = ['connecting', 'authenticating', 'active'];
	for (let i = 0; i < 100; i++) {
		const to = i < 3 ? states[i] : ['reconnecting', 'authenticating', 'active'][i % 3];
		const seen = page.evaluate(
			([key, to]) =>
				new Promise(done => {
					const look = () => {
						if (document.querySelector(`[data-key="${key}"] .badge`)?.textContent !== to) return false;
						done(performance.timeOrigin + performance.now());
						return true;
					};
					if (look()) return;
					const observer = new MutationObserver(() => look() && observer.disconnect());
					observer.observe(document.body, {subtree: true, childList: true, characterData: true});
				}),
			[watched, to],
		);
		await tell(watched, {do: 'move', to});
		const at = await seen;
		const {row} = await page.evaluate(async key => (await fetch(`api/instance?key=${encodeURIComponent(key)}`)).json(), watched);
		assert.equal(row.state, to);
		late.push(at - Date.parse(row.since));
		await pause(Math.random() * 100);
	}
	late.sort((a, b) => a - b);
	t.diagnostic(`a change is on the page after ${Math.round(late[50])} ms (median), ${Math.round(late[98])} ms (p99)`);

	const session = await page.context().newCDPSession(page);
	await session.send('Performance.enable');
	const heap = async () => {
		await session.send('HeapProfiler.collectGarbage');
		const {metrics} = await session.send('Performance.getMetrics');
		const of = name => metrics.find(metric => metric.name === name).value;
		return `${(of('JSHeapUsedSize') / 1e6).toFixed(1)} MB, ${of('Nodes')} nodes; server ${(await world('memory')).rss}`;
	};
	t.diagnostic(`memory at first: ${await heap()}`);
	for (let i = 0; i < 4; i++) {
		await pause(minutes * 15_000);
		t.diagnostic(`memory after ${((i + 1) * minutes) / 4} min: ${await heap()}`);
	}
	await page.done();
});

test('10,000 instances', async t => {
	for (const first of [1001, 3251, 5501, 7751]) await world('start', {first, count: 2250, ttl: '60s'});
	const page = await open(browser, 'about:blank', {viewport: {width: 1600, height: 900}});
	await page.addInitScript(() => {
		globalThis.seen = {};
		new MutationObserver(() => {
			if (document.querySelector('.row')) globalThis.seen.rows ??= performance.now();
			if (document.querySelector('.total .big')?.textContent === '10,000') globalThis.seen.all ??= performance.now();
		}).observe(document, {subtree: true, childList: true, characterData: true});
	});
	await page.goto(url);
	await until(page, () => globalThis.seen.all);
	const seen = await page.evaluate(() => globalThis.seen);
	t.diagnostic(`10,000 instances: rows ${Math.round(seen.rows)} ms after the address was opened, all of them known after ${Math.round(seen.all)} ms`);
	await pause(2000);
	await page.mouse.move(800, 500);
	const {list} = await tasks(async () => {
		for (let i = 0; i < 80; i++) {
			await page.mouse.wheel(0, 900);
			await pause(40);
		}
	});
	t.diagnostic(`scrolling: the longest task has ${most(list, 'worked')} ms of work in ${most(list, 'lasted')} ms, ${list.filter(({worked}) => worked > 50).length} of ${list.length} have more than 50 ms of work`);
	await page.done();
});
