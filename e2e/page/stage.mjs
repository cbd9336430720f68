// Shared by the tests of one file: a browser, the page, and three instances that outlive a store that
// stands still.

import assert from 'node:assert/strict';
import {after, before} from 'node:test';
import {launch, open, world} from './world.mjs';

export let browser, url, keys;
const pages = [];

before(async () => {
	browser = await launch();
	({url} = await world('serve', {requests: true}));
	keys = [];
	for (const first of [1, 2, 3]) keys.push(...(await world('start', {first, ttl: '30s'})));
});
after(async () => {
	await browser?.close();
	for (const page of pages) assert.deepEqual(page.faults, [], page.url());
});

// tab opens a page that ends with its test, and tells what it shows if that fails.
export async function tab(t, path = '', options) {
	const page = await open(browser, url + path, options);
	pages.push(page);
	t.after(async () => {
		if (t.passed === false) t.diagnostic(`${page.url()} shows: ${await page.locator('body').innerText({timeout: 5000}).catch(String)}`);
		await page.context().close();
	});
	return page;
}
