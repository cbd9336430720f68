// The page in a browser, where all stores are alike.

import assert from 'node:assert/strict';
import {test} from 'node:test';
import {browser, keys, tab, url} from './stage.mjs';
import {accessible, card, newContext, patience, tell, until, world} from './world.mjs';

test('hostile texts are texts', async t => {
	const hostile = `<img src=x onerror="pwned=1"><script>pwned=1</script>"'\u202e{{1}}`;
	const [key] = await world('start', {first: 6, prefix: `<b>'"&/`, ttl: '5s'});
	await tell(key, {do: 'note', text: hostile});
	await tell(key, {do: 'move', to: 'connecting', cause: hostile});
	await tell(key, {do: 'error', text: hostile});
	const page = await tab(t);
	await page.locator('.card', {hasText: key}).getByText('onerror=').first().waitFor();
	await page.getByRole('link', {name: key}).click();
	await page.locator('.tree').getByText(hostile).waitFor();
	await page.locator('.log').getByText(hostile).first().waitFor();
	await page.locator('.history').getByText(hostile).waitFor();
	await page.getByRole('link', {name: 'Activity'}).click();
	await page.locator('.item').getByText('onerror=').first().waitFor();
	await page.getByRole('link', {name: 'Timeline'}).click();
	await page.locator('.strip', {hasText: key}).waitFor();
	assert.equal(await page.evaluate(() => typeof pwned), 'undefined');
	assert.equal(await page.locator('img, main script, main b b').count(), 0);
	await world('kill', {key});
});

// setAhead moves the clock of a tab, and not its timers, by minutes every second.
const setAhead = (page, minutes) =>
	page.evaluate(minutes => {
		const real = Date.now;
		let ahead = 0;
		Date.now = () => real() + ahead;
		setInterval(() => (ahead += minutes * 60_000), 1000);
	}, minutes);

test('when the clock leaps, an instance in a brief state is stuck, and the connection is opened anew', async t => {
	const [key] = await world('start', {first: 12, ttl: '30s'});
	t.after(() => world('kill', {key}));
	await tell(key, {do: 'move', to: 'connecting'});
	const page = await tab(t);
	await card(page, key).locator('.badge', {hasText: 'connecting'}).waitFor();
	assert.equal(await card(page, key).locator('.why').count(), 0);

	// The machine has slept: timers stood still, and nobody closed the connection.
	const sleeper = await tab(t, '', {init: () => delete globalThis.SharedWorker}); // whose clock is out of reach
	await sleeper.locator('.live.on').waitFor();
	const opened = sleeper.waitForRequest(/api\/events/, {timeout: patience});

	await Promise.all([setAhead(page, 6), setAhead(sleeper, 60)]);
	await Promise.all([card(page, key).getByText('Stuck in').waitFor(), opened]);
	await sleeper.locator('.live.on').waitFor();
});

test('the clock of the browser does not matter', async t => {
	const [key] = await world('start', {first: 13, ttl: '30s'});
	t.after(() => world('kill', {key}));
	await tell(key, {do: 'error', text: 'refused'});
	const late = () => {
		const real = Date.now;
		Date.now = () => real() - 3_600_000;
	};
	const page = await tab(t, '', {init: late});
	const text = await card(page, key).locator('.why').innerText();
	assert.match(text, /Error (just now|\d+ s ago)/);
	await card(page, key).locator('.beat').waitFor();
	assert.match(await card(page, key).locator('.beat').innerText(), /^(< 1|\d+) s\s+of 30 s$/);
});

test('a server that stands still is noticed', async t => {
	const page = await tab(t);
	await page.locator('.live.on').waitFor();
	await world('freeze'); // its connections stay open
	try {
		await page.getByText('The server has been silent').waitFor();
	} finally {
		await world('thaw');
	}
	await page.locator('.live.on').waitFor();
	await tell(keys[2], {do: 'move', to: 'connecting'});
	await card(page, keys[2]).locator('.badge', {hasText: 'connecting'}).waitFor();
});

test('all tabs share one stream', async t => {
	const context = await newContext(browser);
	for (let i = 0; i < 8; i++) {
		const page = await tab(t, '', {context});
		await page.locator('.card').first().waitFor(); // the seventh would wait for ever
		assert.equal(await page.evaluate(() => performance.getEntriesByName(new URL('api/events', location.href).href).length), 0);
	}
});

test('a tab that was frozen has missed nothing', async t => {
	const [key] = await world('start', {first: 14, ttl: '30s'});
	t.after(() => world('kill', {key}));
	const page = await tab(t);
	await card(page, key).locator('.badge', {hasText: 'idle'}).waitFor();
	const session = await page.context().newCDPSession(page);
	await session.send('Page.setWebLifecycleState', {state: 'frozen'});
	await tell(key, {do: 'move', to: 'connecting'});
	await tell(key, {do: 'error', text: 'while it was away'});
	await session.send('Page.setWebLifecycleState', {state: 'active'});
	await card(page, key).getByText('while it was away').waitFor();
	await tell(key, {do: 'move', to: 'authenticating'});
	await card(page, key).locator('.badge', {hasText: 'authenticating'}).waitFor();
});

for (const [name, broken] of [
	['no shared workers', () => delete globalThis.SharedWorker],
	['a shared worker that does not start', () => (globalThis.SharedWorker = class extends SharedWorker { constructor() { super(trustedTypes.createPolicy('test', {createScriptURL: url => url}).createScriptURL('assets/none.js')); } })],
]) {
	test(`a tab in a browser with ${name} has a stream of its own`, async t => {
		const page = await tab(t, '', {init: broken});
		await card(page, keys[0]).waitFor();
		await page.locator('.live.on').waitFor();
	});
}

test('a payload that is deep, wide or long leaves the page usable', async t => {
	const [key] = await world('start', {first: 7, ttl: '30s'});
	t.after(() => world('kill', {key}));
	const page = await tab(t, `?page=instance&key=${encodeURIComponent(key)}`);
	const ofSize = size => until(page, size => Number(document.querySelector('#payload-title + .legend')?.textContent.replace(/\D/g, '')) > size, size);
	const show = async more => {
		await world('order', {line: {key, do: 'more', more}});
		await ofSize(JSON.stringify(more).length);
	};
	await page.locator('#payload-title').waitFor(); // the changes come later
	await world('order', {line: {key, do: 'deep', levels: 9000}});
	await ofSize(6 * 9000);
	const closed = page.locator('.tree details:not([open]) > summary');
	for (let i = 0; i < 30; i++) await closed.click(); // each is wide enough to be seen
	await show('long '.repeat(40_000));
	await page.getByText('190,000 more characters').click();
	await page.getByText('190,000 more characters').waitFor({state: 'detached'});
	await show(Array(60_000).fill(7));
	await page.locator('.tree summary', {hasText: '[60000]'}).click();
	await page.getByText('59900 more').waitFor();
	await show('x'.repeat(900_000)); // too large for a tree
	await page.locator('pre.text').waitFor();
	await page.locator('.back').click();
	await card(page, key).waitFor();
});

// While all are cards.
test('the chosen fields are in the address', async t => {
	const page = await tab(t);
	await card(page, keys[0]).getByText('pairs').waitFor();
	await page.getByText('Fields', {exact: true}).click();
	await page.getByLabel('pairs').uncheck();
	await card(page, keys[0]).getByText('pairs').waitFor({state: 'detached'});
	await accessible(page, 'the choice of fields');
	await page.keyboard.press('Escape');
	assert.equal(await page.getByLabel('pairs').isVisible(), false);
	const chosen = new URL(page.url()).searchParams.get('fields').split(',');
	assert.ok(chosen.includes('feed') && !chosen.includes('pairs'), `${chosen}`);
	const other = await tab(t, '?fields=pairs');
	await card(other, keys[0]).getByText('pairs').waitFor();
	assert.equal(await card(other, keys[0]).getByText('feed', {exact: true}).count(), 0);
});

for (const colorScheme of ['light', 'dark']) {
	test(`axe finds nothing, ${colorScheme}`, async t => {
		for (const [width, height] of colorScheme === 'light' ? [[1280, 800], [360, 740]] : [[1280, 800]]) {
			for (const path of ['', `?page=instance&key=${encodeURIComponent(keys[0])}`, '?page=activity', '?page=timeline']) {
				const page = await tab(t, path, {colorScheme, viewport: {width, height}});
				await page.locator('.card, .row, .entry, .item, .strip').first().waitFor();
				await accessible(page, `${path} ${width}`);
				if (colorScheme === 'dark') {
					await page.emulateMedia({forcedColors: 'active', reducedMotion: 'no-preference'});
					await accessible(page, `${path} in forced colours`);
				}
				assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} is wider than ${width} pixels`);
				await page.context().close();
			}
		}
	});
}

test('names that are long or run from right to left leave room for others', async t => {
	const [long] = await world('start', {first: 8, ttl: '30s', prefix: 'connector-of-the-exchange-'.repeat(12)});
	const [rtl] = await world('start', {first: 9, ttl: '30s', prefix: 'שוק:'});
	t.after(() => Promise.all([long, rtl].map(key => world('kill', {key}))));
	await tell(long, {do: 'move', to: 'awaiting-the-confirmation-of-the-counterparty-by-the-clearing-house-of-the-exchange'});
	const boxes = (page, ...selectors) => page.evaluate(selectors => selectors.map(selector => document.querySelector(selector).getBoundingClientRect().toJSON()), selectors);
	const apart = ([a, b]) => assert.ok(a.right <= b.left && a.width > 40, `${JSON.stringify(a)} and ${JSON.stringify(b)}`);
	const small = await tab(t, '', {viewport: {width: 360, height: 740}});
	await card(small, long).waitFor();
	apart(await boxes(small, `[data-key="${long}"] h2`, `[data-key="${long}"] .badge`));
	assert.ok((await boxes(small, `[data-key="${long}"]`))[0].height < 700); // not a line for each word of the name

	const [first] = await world('start', {count: 60, first: 900, ttl: '30s', prefix: 'room:'}); // rows
	t.after(() => world('kill', {key: first}));
	await small.locator('.row').first().waitFor();
	await small.getByRole('searchbox').fill('awaiting');
	await until(small, () => document.querySelectorAll('.row').length === 1);
	apart(await boxes(small, `.row[data-key="${long}"] .c-name`, `.row[data-key="${long}"] .badge`));

	const wide = await tab(t, '?q=שוק', {viewport: {width: 1440, height: 800}});
	await wide.locator(`.row[data-key="${rtl}"]`).waitFor();
	apart(await boxes(wide, `.row[data-key="${rtl}"] .c-name a`, `.row[data-key="${rtl}"] .c-name .faint`)); // the key first
});

test('the filter is in the address, and rows take the keys of the keyboard', async t => {
	const many = await world('start', {count: 300, first: 100, prefix: 'many:', ttl: '15s'});
	t.after(() => world('kill', {key: many[0]}));
	const page = await tab(t);
	await page.locator('.row').first().waitFor();
	await page.getByRole('searchbox').fill('many: state:idle');
	await until(page, () => document.querySelector('.table')?.getAttribute('aria-rowcount') === '301');
	assert.equal(new URL(page.url()).searchParams.get('q'), 'many: state:idle');
	await page.reload();
	await until(page, () => document.querySelector('.table')?.getAttribute('aria-rowcount') === '301');
	assert.ok((await page.locator('.row').count()) < 80);

	await page.locator('.row a').first().focus();
	await page.keyboard.press('End');
	await until(page, last => document.activeElement?.textContent === last, many.at(-1));
	await page.keyboard.press('Home');
	await page.keyboard.press('ArrowDown');
	await until(page, second => document.activeElement?.textContent === second, many[1]);
	await page.keyboard.press('Enter');
	await page.locator('h1', {hasText: many[1]}).waitFor();
	await page.goBack();
	await until(page, () => document.querySelector('.table')?.getAttribute('aria-rowcount') === '301');

	await accessible(page, 'rows');
	await world('kill', {key: many[0]});
});

test('a list that was kept up to date is that of a new page', async t => {
	const filter = 'is:live -state:idle';
	const searches = [['', ''], ['', filter], ['name', filter], ['state', ''], ['changed', filter], ['changed', ''], ['started', ''], ['host', filter]];
	const context = await newContext(browser, {viewport: {width: 1280, height: 600}}); // many tabs, each with little to draw
	const show = search => tab(t, search, {context});
	const old = [];
	for (const [order, q] of searches) old.push(await show(`?sort=${order}&q=${encodeURIComponent(q)}`));
	const moving = await world('start', {count: 120, first: 500, prefix: 'moving:', ttl: '30s', rate: 30, moving: '3s'});
	t.after(() => world('kill', {key: moving[0]}));
	const list = page => page.evaluate(() => [document.querySelector('.shown').textContent, ...[...document.querySelectorAll('.row')].sort((a, b) => a.dataset.index - b.dataset.index).slice(0, 10).map(row => `${row.dataset.key} ${row.querySelector('.badge').textContent}`)].join('\n'));
	await until(old[0], () => document.querySelectorAll('.row').length > 10);
	await new Promise(done => setTimeout(done, 4000)); // the changes have ended
	for (const page of old) {
		const fresh = await show(new URL(page.url()).search);
		await until(fresh, () => document.querySelector('.row, .card, .empty button'));
		let lists;
		for (const late = Date.now() + patience; Date.now() < late; await new Promise(done => setTimeout(done, 200))) {
			lists = [await list(page), await list(fresh)];
			if (lists[0] === lists[1]) break;
		}
		assert.equal(...lists, page.url());
		await fresh.close();
	}
});
