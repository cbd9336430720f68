// Shared by the tests of the browser: the world that they change, and the browser.

import assert from 'node:assert/strict';
import {readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {chromium} from 'playwright-core';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

export const patience = 60_000;

// world asks world_test.go for a change, and returns once it is done.
export async function world(what, order = {}) {
	const response = await fetch(`${process.env.CONTROL}/${what}`, {method: 'POST', body: JSON.stringify(order)});
	if (!response.ok) throw Error(await response.text());
	return response.json();
}

export const tell = (key, line) => world('order', {line: {key, ...line}});

export const launch = () => chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'], timeout: patience});

// newContext makes a context whose tabs have the time that a busy machine needs, and draw nothing while
// nothing happens.
export async function newContext(browser, options) {
	const context = await browser.newContext({viewport: {width: 1280, height: 800}, reducedMotion: 'reduce', ...options});
	context.setDefaultTimeout(patience);
	return context;
}

// open opens a page that must not break a rule of its policy, nor throw. It is closed by the caller. The
// page runs init first, and is a tab of its own context, or of the one that is given.
export async function open(browser, url, {context, init, ...options} = {}) {
	context ??= await newContext(browser, options);
	const page = await context.newPage();
	if (init) await page.addInitScript(init);
	page.faults = [];
	page.on('pageerror', error => page.faults.push(String(error)));
	page.on('console', message => {
		// The connection that goes away is told of by the browser itself.
		if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(message.text())) page.faults.push(message.text());
	});
	page.on('dialog', dialog => {
		page.faults.push(`dialog: ${dialog.message()}`);
		void dialog.dismiss();
	});
	page.on('request', request => {
		if (url !== 'about:blank' && !request.url().startsWith(new URL(url).origin)) page.faults.push(`loads ${request.url()}`);
	});
	page.done = async () => {
		assert.deepEqual(page.faults, []);
		await context.close();
	};
	await page.goto(url);
	return page;
}

// until waits for something to be true in the page.
export const until = (page, test, arg) => page.waitForFunction(test, arg, {timeout: patience, polling: 50});

export const card = (page, key) => page.locator(`[data-key="${key}"]`);

// ownMemory returns what the processes that show pages have for themselves, in MB.
export async function ownMemory(browser) {
	const session = await browser.newBrowserCDPSession();
	const {processInfo} = await session.send('SystemInfo.getProcessInfo');
	await session.detach();
	let kB = 0;
	for (const {type, id} of processInfo) {
		if (type === 'renderer') kB += Number.parseInt(/RssAnon:\s+(\d+)/.exec(await readFile(`/proc/${id}/status`, 'utf8'))?.[1] ?? '0');
	}
	return kB / 1e3;
}

// accessible fails if axe finds something.
export async function accessible(page, where) {
	// axe is no part of the page: the debugger puts it there, past the policy.
	if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(await readFile(axe, 'utf8'));
	const {violations} = await page.evaluate(() => globalThis.axe.run(document, {resultTypes: ['violations']}));
	assert.deepEqual(
		violations.map(({id, nodes}) => `${where}: ${id}: ${nodes.slice(0, 3).map(node => `${node.target} ${node.failureSummary}`)}`),
		[],
	);
}
