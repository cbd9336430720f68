// What the page shows of a store, on each.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {keys, tab, url} from './stage.mjs';
import {accessible, card, tell, until, world} from './world.mjs';

test('cards appear', async t => {
	const page = await tab(t);
	for (const key of keys) {
		await card(page, key).getByText('idle').waitFor();
		await card(page, key).locator('.beat').waitFor(); // the age of its heartbeat
	}
	assert.equal(await page.locator('.total .big').textContent(), '3');
	const text = await card(page, keys[0]).innerText();
	for (const part of [/fra-2/, /book/, /Token\s+\d+/, /of 30 s/]) assert.match(text, part);

	const [later] = await world('start', {first: 4, ttl: '5s'});
	await card(page, later).waitFor();
	await tell(later, {do: 'leave'});
	await card(page, later).getByText('Left in order').waitFor();
	await until(page, () => document.querySelector('.verdict').textContent.includes('All well'));
});

test('a transition shows, also in the feed and the timeline', async t => {
	const [overview, activity, timeline] = [await tab(t), await tab(t, '?page=activity'), await tab(t, '?page=timeline')];
	const strip = timeline.locator(`[data-key="${keys[0]}"] .strip-line`);
	await card(overview, keys[0]).getByText('idle').waitFor();
	await activity.getByText('registered').first().waitFor();
	await strip.locator('rect.tone').first().waitFor();
	const parts = await strip.locator('rect.tone').count();

	const started = Date.now();
	await tell(keys[0], {do: 'move', to: 'connecting', cause: 'the market opens'});
	await card(overview, keys[0]).locator('.badge', {hasText: 'connecting'}).waitFor();
	t.diagnostic(`on the page ${Date.now() - started} ms after it was asked for`);
	await activity.locator('.item', {hasText: keys[0]}).filter({hasText: 'the market opens'}).waitFor();
	await until(timeline, ([key, before]) => document.querySelectorAll(`[data-key="${key}"] rect.tone`).length > before, [keys[0], parts]);
	await tell(keys[0], {do: 'move', to: 'authenticating'});
	await tell(keys[0], {do: 'move', to: 'active'});
	await card(overview, keys[0]).locator('.badge', {hasText: 'active'}).waitFor();
	await timeline.locator('.legend-states').getByText('authenticating').waitFor(); // a state of the past
});

test('an instance that is killed is offline, and its card says why', async t => {
	const page = await tab(t);
	const [key] = await world('start', {first: 5, ttl: '5s'});
	await tell(key, {do: 'error', text: 'order book out of sequence'});
	await card(page, key).getByText('order book out of sequence').waitFor();
	await world('kill', {key});
	const killed = Date.now();
	await card(page, key).locator('.badge', {hasText: 'offline'}).waitFor();
	t.diagnostic(`offline ${Date.now() - killed} ms after its end, of a time to live of 5000 ms`);
	const why = await card(page, key).locator('.why').innerText();
	assert.match(why, /Went silent/);
	assert.match(why, /order book out of sequence/);
	assert.equal(await page.locator('.cards > li').first().getAttribute('data-key'), key); // what is in trouble comes first
	const [total, ...counts] = await page.evaluate(() => [document.querySelector('.total .big'), ...document.querySelectorAll('.counts b')].map(({textContent}) => Number(textContent)));
	assert.equal(counts.reduce((sum, n) => sum + n, 0), total); // those in trouble are among all
	await page.goto(`${url}?page=timeline`);
	await page.locator(`[data-key="${key}"] rect.none`).waitFor();
});

test('a request moves an instance, and is refused without the switch', async t => {
	const key = keys[1];
	const page = await tab(t, `?page=instance&key=${encodeURIComponent(key)}`);
	await page.locator('.title .badge', {hasText: 'idle'}).waitFor();

	// ask asks for a state: by its button, or by its name if none is known to be permitted.
	const ask = async state => {
		const button = page.locator('.permitted').getByRole('button', {name: state, exact: true});
		const field = page.getByLabel('State to ask for');
		await button.or(field).first().waitFor();
		if (await field.isVisible()) {
			await field.fill(state);
			await page.getByRole('button', {name: 'Ask …'}).click();
		} else await button.click();
		await page.getByLabel('Cause, for the log').fill('by a test');
		await page.getByRole('button', {name: `Ask to move to ${state}`}).click();
	};
	await ask('connecting');
	await page.locator('.answer', {hasText: 'done'}).waitFor();
	await accessible(page, 'an answer');
	await page.getByRole('button', {name: 'Close'}).click();
	await page.locator('.title .badge', {hasText: 'connecting'}).waitFor();
	await page.locator('.log').getByText('asked by').first().waitFor();

	await world('serve', {requests: false});
	await page.getByText('Read only').waitFor();
	assert.equal(await page.locator('.permitted button, .ask').count(), 0);
	const status = await page.evaluate(async key => (await fetch('api/request', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({key, state: 'authenticating'})})).status, key);
	assert.equal(status, 403);
	await world('serve', {requests: true});
});

test('a request whose instance goes meanwhile is told of, not dropped', async t => {
	const [key] = await world('start', {first: 10, ttl: '30s'});
	const page = await tab(t, `?page=instance&key=${encodeURIComponent(key)}`);
	await page.locator('.permitted').getByRole('button', {name: 'connecting', exact: true}).click();
	await tell(key, {do: 'leave'});
	await page.getByText('no longer holds').waitFor();
	assert.equal(await page.getByRole('button', {name: 'Ask to move to connecting'}).isEnabled(), false);
	await page.getByRole('button', {name: 'Close'}).click();
	await page.locator('.title .badge', {hasText: 'left'}).waitFor();

	const [other] = await world('start', {first: 11, ttl: '30s'});
	await page.goto(`${url}?page=instance&key=${encodeURIComponent(other)}`);
	await page.locator('.permitted').getByRole('button', {name: 'connecting', exact: true}).click();
	await page.getByRole('button', {name: 'Ask to move to connecting'}).click({clickCount: 2}); // and asked for once
	await page.locator('.answer', {hasText: 'done'}).waitFor();
	await tell(other, {do: 'leave'});
	await page.locator('.title .badge', {hasText: 'left', includeHidden: true}).waitFor({state: 'attached'});
	assert.equal(await page.locator('.answer', {hasText: 'done'}).isVisible(), true);
	await page.getByRole('button', {name: 'Close'}).click();
	await page.locator('.log').getByText('asked by').first().waitFor();
	assert.equal(await page.locator('.log').getByText('asked by').count(), 1);
});

test('the connection goes away and comes back', async t => {
	const page = await tab(t);
	await page.locator('.live.on').waitFor();
	await page.evaluate(() => (globalThis.same = true));
	await world('unserve');
	await page.getByText('Not current').first().waitFor();
	await tell(keys[2], {do: 'move', to: 'connecting'});
	await world('refuse'); // after which an event source is not tried again by itself
	await page.getByRole('button', {name: 'Try now'}).click();
	await page.getByText('answered 503').waitFor();
	await world('serve', {requests: true});
	await page.locator('.live.on').waitFor();
	await card(page, keys[2]).locator('.badge', {hasText: 'connecting'}).waitFor();
	assert.equal(await page.locator('.notice').count(), 0);
	assert.equal(await page.evaluate(() => globalThis.same), true); // without a reload
});

test('the store goes away and comes back', async t => {
	const page = await tab(t);
	await card(page, keys[0]).locator('.badge').waitFor();
	await world('pause');
	try {
		await page.getByText('The server does not reach its store').waitFor();
		assert.equal(await page.locator('.live.off').count(), 1);
	} finally {
		await world('resume');
	}
	await page.locator('.live.on').waitFor();
	await until(page, () => !document.querySelector('.notice'));
});
