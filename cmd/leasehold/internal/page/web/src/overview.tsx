import {useEffect, useMemo, useRef, useState} from 'preact/hooks';
import {ageOf, ages, wantAges, type Age} from './ages';
import type {Row} from './api';
import {show} from './format';
import {all, fieldNames, goneCount, hello, instances, loaded, states, troubled, type One} from './model';
import {Ago, badgeOf, Heartbeat, Icon, memo, Since, useMatch, useRowHeight, why} from './parts';
import {instanceHref, onRoute, param, set} from './route';
import {LongList} from './list';
import {seconds, useTopics} from './topic';
import {toneOf} from './tones';
import {orders, View, type Order} from './view';

const fewest = 50; // beyond which instances are rows

// quote makes one word of a filter.
const quote = (text: string) => (/[\s"]/.test(text) ? `"${text.replaceAll('"', '')}"` : text);

export function Overview() {
	useTopics(instances);
	const [filter, setFilter] = useState(() => param('q'));
	const [order, setOrder] = useState<Order>(() => (param('sort') in orders ? (param('sort') as Order) : 'trouble'));
	const [down, setDown] = useState(() => param('down') !== '');
	const view = useMemo(() => new View(), []);
	useEffect(() => () => view.close(), []);
	useEffect(
		() =>
			onRoute(() => {
				setFilter(param('q'));
				setOrder(param('sort') in orders ? (param('sort') as Order) : 'trouble');
				setDown(param('down') !== '');
			}),
		[],
	);

	const list = view.update(filter, order, down);
	const shown = `${list.length.toLocaleString('en')} of ${all.size.toLocaleString('en')} shown`;
	const few = all.size <= fewest;
	const roomy = useMatch('(min-width: 1561px)'); // rows have a column for fields
	const ask = (q: string) => {
		setFilter(q);
		set({q});
	};
	const sort = (next: Order) => {
		const turn = next === order && !down;
		setOrder(next);
		setDown(turn);
		set({sort: next === 'trouble' ? '' : next, down: turn ? '1' : ''});
	};

	const [chosen, setChosen] = useState(chosenFields);
	const choose = (fields: readonly string[]) => {
		setChosen(fields);
		set({fields: written(fields)});
		keep(fields);
	};

	if (!loaded && all.size === 0) return <Loading />;
	return (
		<>
			<h1 class="hidden">Instances</h1>
			<Summary filter={filter} ask={ask} />
			<div class="tools">
				<label class="search">
					<span class="hidden">Filter</span>
					<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
						<path d="M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9ZM10.5 10.5 14 14" />
					</svg>
					<input type="search" value={filter} placeholder="Filter: a name, host, error, state:active …" spellcheck={false} autocomplete="off" onInput={event => ask(event.currentTarget.value)} />
				</label>
				<label class="select">
					<span>Sort</span>
					<select value={order} onChange={event => ((setDown(false)), setOrder(event.currentTarget.value as Order), set({sort: event.currentTarget.value === 'trouble' ? '' : event.currentTarget.value, down: ''}))}>
						{Object.entries(orders).map(([value, name]) => (
							<option value={value}>{name}</option>
						))}
					</select>
				</label>
				{(few || roomy) && <Fields chosen={chosen} choose={choose} />}
				<span class="faint shown">{filter !== '' && shown}</span>
				<Said text={filter === '' ? '' : shown} of={filter} />
			</div>
			{list.length === 0 ? <Empty filter={filter} clear={() => ask('')} /> : few ? <Cards list={list} chosen={chosen} /> : <Rows list={list} chosen={chosen} order={order} down={down} sort={sort} />}
		</>
	);
}

// everyField stands for as many fields as there is room for.
const everyField: readonly string[] = ['*'];

function chosenFields(): readonly string[] {
	let text = param('fields');
	try {
		text ||= localStorage.getItem('fields') ?? '';
	} catch {
		// nothing is kept
	}
	if (text === '') return everyField;
	try {
		return text === '-' ? [] : text.split(',').map(decodeURIComponent);
	} catch {
		return everyField;
	}
}

const written = (fields: readonly string[]) => (fields === everyField ? '' : fields.map(encodeURIComponent).join(',') || '-');

function keep(fields: readonly string[]) {
	try {
		localStorage.setItem('fields', written(fields));
	} catch {
		// it lasts as long as the page
	}
}

function fieldsOf(row: Row, chosen: readonly string[]): [string, unknown][] {
	if (!row.fields) return [];
	if (chosen === everyField) return Object.entries(row.fields).slice(0, 4);
	return chosen.filter(name => Object.hasOwn(row.fields!, name)).map(name => [name, row.fields![name]]);
}

// Fields lets the user choose which fields of the payloads are shown.
function Fields({chosen, choose}: {chosen: readonly string[]; choose: (fields: readonly string[]) => void}) {
	const menu = useRef<HTMLDetailsElement>(null);
	useEffect(() => {
		const close = (event: Event) => {
			if (menu.current?.open && !menu.current.contains(event.target as Node)) menu.current.open = false;
		};
		addEventListener('click', close);
		return () => removeEventListener('click', close);
	}, []);
	if (fieldNames.size === 0) return null;
	const names = [...fieldNames].sort();
	const shown = chosen === everyField ? names.slice(0, 4) : chosen;
	return (
		<details
			ref={menu}
			class="menu"
			onKeyDown={event => {
				if (event.key !== 'Escape') return;
				event.currentTarget.open = false;
				event.currentTarget.querySelector('summary')?.focus();
			}}
		>
			<summary>Fields</summary>
			<fieldset>
				<legend>Fields of the payloads</legend>
				{names.map(name => (
					<label key={name}>
						<input type="checkbox" checked={shown.includes(name)} onChange={event => choose(event.currentTarget.checked ? [...shown, name] : shown.filter(other => other !== name))} />
						{name}
					</label>
				))}
			</fieldset>
		</details>
	);
}

function Loading() {
	return (
		<p class="empty" role="status">
			Reading the instances …
		</p>
	);
}

// Said tells those who do not see the page of a text a while after another became due: not of each
// change that comes by itself.
function Said({text, of}: {text: string; of: string}) {
	const [said, say] = useState('');
	const newest = useRef(text);
	newest.current = text;
	useEffect(() => {
		const timer = setTimeout(() => say(newest.current), 800);
		return () => clearTimeout(timer);
	}, [of]);
	return (
		<span class="hidden" role="status">
			{said}
		</span>
	);
}

function Empty({filter, clear}: {filter: string; clear: () => void}) {
	if (filter !== '') {
		return (
			<div class="empty">
				<p>Nothing matches this filter.</p>
				<button type="button" class="button" onClick={clear}>
					Show all
				</button>
			</div>
		);
	}
	return (
		<div class="empty">
			<p>No instance holds a key{hello?.prefix ? ` that begins with ${hello.prefix}` : ' in this store'}.</p>
			<p class="faint">Each that registers appears here at once.</p>
		</div>
	);
}

// Summary tells at a glance whether all is well, and which states there are. The instances that went
// count as the others do: those in trouble are among all.
function Summary({filter, ask}: {filter: string; ask: (q: string) => void}) {
	const counts = [...states].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
	const toggle = (q: string) => ask(filter === q ? '' : q);
	return (
		<section class="summary" aria-label="Summary">
			<button type="button" class={`verdict ${troubled > 0 ? 'bad' : 'well'}`} aria-pressed={filter === 'is:trouble'} disabled={troubled === 0 && filter !== 'is:trouble'} onClick={() => toggle('is:trouble')}>
				<Icon name={troubled > 0 ? 'alert' : 'check'} />
				<span class="big num">{troubled > 0 ? troubled.toLocaleString('en') : 'All well'}</span>
				{troubled > 0 && <span>in trouble</span>}
			</button>
			<div class="total">
				<span class="big num">{all.size.toLocaleString('en')}</span> {all.size === 1 ? 'instance' : 'instances'}
			</div>
			<ul class="counts">
				{counts.slice(0, 24).map(([state, n]) => (
					<li key={state}>
						<button type="button" class={`chip tone ${toneOf(state).name}`} aria-pressed={filter === `state:${quote(state)}`} onClick={() => toggle(`state:${quote(state)}`)}>
							<i class="dot" aria-hidden="true" />
							<span class="cut">{state}</span> <b class="num">{n.toLocaleString('en')}</b>
						</button>
					</li>
				))}
				{goneCount > 0 && (
					<li key="">
						<button type="button" class="chip gone" aria-pressed={filter === 'is:gone'} onClick={() => toggle('is:gone')}>
							gone <b class="num">{goneCount.toLocaleString('en')}</b>
						</button>
					</li>
				)}
				{counts.length > 24 && <li class="faint">and {counts.length - 24} more states</li>}
			</ul>
		</section>
	);
}

interface Shown {
	one: One;
	chosen: readonly string[]; // fields
	age: Age | undefined;
	tick: number; // draws it anew
}

function Cards({list, chosen}: {list: One[]; chosen: readonly string[]}) {
	const tick = useTopics(seconds);
	useTopics(ages);
	useEffect(wantAges, [list.length]);
	return (
		<ul class="cards">
			{list.map(one => (
				<Card key={one.key} one={one} chosen={chosen} age={ageOf(one.key)} tick={tick} />
			))}
		</ul>
	);
}

const Card = memo(({one, chosen, age}: Shown) => {
	const {row, trouble} = one;
	const fields = fieldsOf(row, chosen);
	return (
		<li class={`card level-${trouble.level} ${row.gone ? 'is-gone' : ''}`} data-key={one.key}>
			<div class="card-head">
				<h2>
					<a href={instanceHref(one.key)} title={one.key}>
						{one.key}
					</a>
				</h2>
				{badgeOf(one)}
			</div>
			{(trouble.level > 0 || row.gone) && (
				<p class={`why level-${trouble.level}`}>
					<Icon name={trouble.level > 0 ? 'alert' : 'left'} />
					<span>{why(one)}</span>
				</p>
			)}
			<dl>
				{row.gone ? (
					<div class="wide">
						<dt>Last state</dt>
						<dd>{row.state ?? <span class="faint">–</span>}</dd>
					</div>
				) : (
					<>
						<div class="wide">
							<dt>Heartbeat</dt>
							<dd>
								<Heartbeat one={one} age={age} />
							</dd>
						</div>
						<div>
							<dt>In state</dt>
							<dd>
								<Since time={row.since} />
							</dd>
						</div>
						<div>
							<dt>Up</dt>
							<dd>
								<Since time={row.started} />
							</dd>
						</div>
					</>
				)}
				<div>
					<dt>Name</dt>
					<dd title={row.name}>{row.name}</dd>
				</div>
				<div>
					<dt>Host</dt>
					<dd title={row.host}>{row.host || <span class="faint">–</span>}</dd>
				</div>
				<div>
					<dt>IP</dt>
					<dd>{row.ip || <span class="faint">–</span>}</dd>
				</div>
				{fields.map(([name, value]) => (
					<div key={name}>
						<dt title={name}>{name}</dt>
						<dd title={show(value)}>{show(value)}</dd>
					</div>
				))}
				<div class="wide">
					<dt>Token</dt>
					<dd class="num">{row.token || <span class="faint">–</span>}</dd>
				</div>
				{row.lastError && !trouble.tells && (
					<div class="wide error">
						<dt>
							Last error <Ago time={row.lastErrorAt} />
						</dt>
						<dd>{row.lastError}</dd>
					</div>
				)}
			</dl>
		</li>
	);
});

const columns: {name: string; class: string; order?: Order}[] = [
	{name: 'Name', class: 'c-name', order: 'name'},
	{name: 'State', class: 'c-state', order: 'state'},
	{name: 'Trouble or last error', class: 'c-error', order: 'error'},
	{name: 'For', class: 'c-since', order: 'changed'},
	{name: 'Heartbeat', class: 'c-beat'},
	{name: 'Host', class: 'c-host', order: 'host'},
	{name: 'Up', class: 'c-up', order: 'started'},
	{name: 'Fields', class: 'c-fields'},
	{name: 'Token', class: 'c-token'},
];

function Rows({list, chosen, order, down, sort}: {list: One[]; chosen: readonly string[]; order: Order; down: boolean; sort: (order: Order) => void}) {
	const tick = useTopics(seconds);
	useTopics(ages);
	useEffect(wantAges, [list.length]);
	const height = useRowHeight(900, 76);
	return (
		<div class="table" role="table" aria-label="Instances" aria-rowcount={list.length + 1}>
			<div class="thead" role="row" aria-rowindex={1}>
				{columns.map(({name, class: c, order: by}) => (
					<div class={c} role="columnheader" aria-sort={by === order ? (down ? 'descending' : 'ascending') : undefined}>
						{by ? (
							<button type="button" onClick={() => sort(by)}>
								{name}
								{by === order && <span aria-hidden="true">{down ? ' ↓' : ' ↑'}</span>}
							</button>
						) : (
							name
						)}
					</div>
				))}
			</div>
			<LongList items={list} keyOf={one => one.key} height={height} label="Instances" row={(one, index, top) => <RowOf key={one.key} one={one} chosen={chosen} age={ageOf(one.key)} tick={tick} index={index} top={top} />} />
		</div>
	);
}

const RowOf = memo(({one, chosen, age, index, top}: Shown & {index: number; top: number}) => {
	const {row, trouble} = one;
	return (
		<div class={`row level-${trouble.level} ${row.gone ? 'is-gone' : ''}`} role="row" aria-rowindex={index + 2} data-row={one.key} data-key={one.key} data-index={index} style={{transform: `translateY(${top}px)`}}>
			<div class="c-name" role="cell">
				<a href={instanceHref(one.key)} title={one.key}>
					{one.key}
				</a>{' '}
				{row.name !== one.key && <span class="faint">{row.name}</span>}
			</div>
			<div class="c-state" role="cell">
				{badgeOf(one)}
			</div>
			<div class={`c-error ${trouble.level > 0 ? 'why' : 'faint'} level-${trouble.level}`} role="cell" title={trouble.level > 0 || row.gone ? why(one) : row.lastError}>
				{trouble.level > 0 || row.gone ? (
					<>
						<Icon name={trouble.level > 0 ? 'alert' : 'left'} /> {trouble.short ?? why(one)}
					</>
				) : row.lastError ? (
					<>
						<Ago time={row.lastErrorAt} />: {row.lastError}
					</>
				) : null}
			</div>
			<div class="c-since num" role="cell">
				<Since time={row.gone?.at ?? row.since} />
			</div>
			<div class="c-beat" role="cell">
				<Heartbeat one={one} age={age} />
			</div>
			<div class="c-host" role="cell" title={`${row.host ?? ''} ${row.ip ?? ''}`}>
				{row.host} <span class="faint">{row.ip}</span>
			</div>
			<div class="c-up num" role="cell">
				{row.gone ? null : <Since time={row.started} />}
			</div>
			<div class="c-fields" role="cell">
				{fieldsOf(row, chosen).map(([name, value]) => (
					<span key={name} title={name}>
						<span class="faint">{name}</span> {show(value)}{' '}
					</span>
				))}
			</div>
			<div class="c-token num faint" role="cell">
				{row.token}
			</div>
		</div>
	);
});

