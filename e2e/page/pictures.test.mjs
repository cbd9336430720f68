// Makes the pictures of docs.

import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {card, launch, open, tell, world} from './world.mjs';

const dir = process.env.PICTURES;
const pause = ms => new Promise(done => setTimeout(done, ms));
let browser, url;

before(async () => {
	await mkdir(dir, {recursive: true});
	browser = await launch();
	({url} = await world('serve', {requests: true}));
});
after(() => browser?.close());

async function picture(name, path, width, height, colorScheme = 'light') {
	const page = await open(browser, url + path, {viewport: {width, height}, colorScheme});
	await page.locator('.card, .row, .item, .strip, .entry').first().waitFor();
	await pause(2500); // the ages of the heartbeats are there
	await page.screenshot({path: join(dir, `${name}.png`)});
	await page.done();
}

test('pictures', async () => {
	const start = async first => (await world('start', {first, ttl: '6s'}))[0];
	const keys = [await start(1), await start(2), await start(3)];
	const walk = async (key, ...states) => {
		for (const [to, cause] of states) {
			await tell(key, {do: 'move', to, cause});
			await pause(700);
		}
	};
	const up = [['connecting'], ['authenticating'], ['active', 'the feed is up']];
	await Promise.all(keys.slice(0, 1).map(key => walk(key, ...up)));
	await walk(keys[1], ...up, ['reconnecting', 'no message for 10 s']);
	await tell(keys[1], {do: 'error', text: 'authentication refused: the key has expired'});
	await walk(keys[1], ['error', 'authentication refused']);
	await walk(keys[2], ...up);
	await tell(keys[2], {do: 'error', text: 'websocket: close 1006 (abnormal closure): unexpected EOF'});
	await world('kill', {key: keys[2]});
	const page = await open(browser, url);
	await card(page, keys[2]).locator('.badge', {hasText: 'offline'}).waitFor();
	await page.done();

	await picture('three-light', '', 1280, 720);
	await picture('three-dark', '', 1280, 720, 'dark');
	await picture('three-phone', '', 360, 740);
	await picture('instance-light', `?page=instance&key=${encodeURIComponent(keys[1])}`, 1280, 900);

	const many = await world('start', {first: 4, count: 994, rate: 60, ttl: '15s'});
	await pause(30_000);
	for (const [i, key] of many.entries()) {
		if (i % 140 !== 17) continue;
		await tell(key, {do: 'error', text: ['dial tcp 10.2.0.7:443: connect: connection refused', 'order book out of sequence: expected 8123, got 8131'][i % 2]});
		for (const to of ['connecting', 'error']) await tell(key, {do: 'move', to, cause: 'the connection failed'}).catch(() => {}); // its state may not permit it
	}
	await picture('thousand-light', '', 1440, 810);
	await picture('thousand-dark', '', 1440, 810, 'dark');
	await picture('thousand-phone', '', 360, 740, 'dark');
	await picture('activity-light', '?page=activity', 1280, 720);
});
