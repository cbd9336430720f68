import {useEffect, useMemo, useState} from 'preact/hooks';
import {ageOf, ages, wantAges} from './ages';
import {ask, Failure, query, type Definition, type Instance, type Row, type Step} from './api';
import {definitionOf, Diagram} from './diagram';
import {at, ms, show, span} from './format';
import {LogOf} from './log';
import {all, instances, loaded, now, stateOf, type One} from './model';
import {Ago, Badge, badgeOf, Failed, Heartbeat, Icon, Since, why} from './parts';
import {Permitted} from './request';
import {reread} from './reread';
import {href, param} from './route';
import {seconds, useTopics} from './topic';
import {toneOf} from './tones';
import {Tree} from './tree';
import {judge} from './trouble';

const definitions = new Map<string, Definition>(); // by fingerprint

// useInstance reads an instance, and again whenever its row changed.
function useInstance(key: string): {instance?: Instance; definition?: Definition; error?: unknown} {
	const [got, set] = useState<{key: string; instance?: Instance; definition?: Definition; error?: unknown}>({key});
	useEffect(
		() =>
			reread(key, 300, async signal => {
				try {
					const instance = await ask<Instance>(`api/instance?${query({key})}`, undefined, signal);
					let definition = instance.definition === undefined ? undefined : definitions.get(instance.definition);
					if (instance.definition !== undefined && !definition) {
						definition = await ask<Definition>(`api/definition?${query({key})}`, undefined, signal).catch(error => {
							if (error instanceof Failure && error.status === 404) return undefined;
							throw error;
						});
						if (definitions.size > 200) definitions.clear();
						if (definition) definitions.set(instance.definition, definition);
					}
					set({key, instance, definition});
				} catch (error) {
					if (!signal.aborted) set(before => ({...before, error}));
				}
			}),
		[key],
	);
	return got.key === key ? got : {};
}

export function InstancePage() {
	useTopics(instances, seconds, ages);
	const key = param('key');
	const {instance, definition, error} = useInstance(key);
	useEffect(wantAges, [key]);
	const drawn = useMemo(() => definition ?? definitionOf(instance?.history ?? [], instance?.row.state ?? '', instance?.permitted?.states ?? []), [definition, instance]);
	const one: One | undefined = all.get(key) ?? (instance && oneOf(instance.row));
	if (!one) {
		return (
			<>
				<Back />
				<h1 class="key">
					{key}
				</h1>
				{error instanceof Failure && error.status === 404 ? <p class="empty">Nobody holds this key, and nobody did lately.</p> : error ? <Failed error={error} /> : <p class="empty">{loaded ? 'Reading …' : 'Reading the instances …'}</p>}
				{error instanceof Failure && error.status === 404 && <LogOf name={key} />}
			</>
		);
	}
	const {row, trouble} = one;
	const state = stateOf(row);
	const history = instance?.history ?? [];
	return (
		<>
			<Back />
			<div class="title">
				<h1 class="key">
					{one.key}
				</h1>
				{badgeOf(one)}
			</div>
			{(trouble.level > 0 || row.gone) && (
				<p class={`why band level-${trouble.level}`}>
					<Icon name={trouble.level > 0 ? 'alert' : 'left'} />
					<span>{why(one)}</span>
				</p>
			)}
			<Facts one={one} />
			<div class="columns">
				<div>
					{row.kind === 'instance' && instance && (
						<section class="panel" aria-labelledby="states-title">
							<div class="panel-head">
								<h2 id="states-title">States</h2>
								<p class="legend faint">
									<span class="key-line" aria-hidden="true" /> last path
									{!definition && ' · drawn from its history'}
								</p>
							</div>
							<Diagram definition={drawn} state={row.state ?? ''} path={history} gone={row.gone !== undefined} />
						</section>
					)}
					<Permitted one={one} states={instance?.permitted?.states} events={instance?.permitted?.events} known={drawn.states.map(({name}) => name).filter(name => name !== state)} />
					<History history={history} one={one} />
				</div>
				<div>
					<LogOf name={key} />
					<Payload instance={instance} />
				</div>
			</div>
			{error !== undefined && !row.gone && <Failed error={error} />}
		</>
	);
}

const oneOf = (row: Row): One => ({key: row.key, row, trouble: judge(row, undefined, now()), order: ''});

function Back() {
	return (
		<a class="back" href={href({})}>
			<Icon name="back" /> All instances
		</a>
	);
}

// widthOf gives a long text a line of its own.
const widthOf = (text: string) => (text.length > 60 ? 'wide' : '');

function Facts({one}: {one: One}) {
	const {row} = one;
	const fields = Object.entries(row.fields ?? {});
	return (
		<dl class="facts">
			<div>
				<dt>Heartbeat</dt>
				<dd>
					<Heartbeat one={one} age={ageOf(one.key)} />
				</dd>
			</div>
			{row.since && (
				<div>
					<dt>In state for</dt>
					<dd>{row.gone ? <span class="faint">–</span> : <Since time={row.since} />}</dd>
				</div>
			)}
			{row.started && (
				<div>
					<dt>Up for</dt>
					<dd>{row.gone ? <span class="faint">–</span> : <Since time={row.started} />}</dd>
				</div>
			)}
			<div class={widthOf(row.name)}>
				<dt>Name</dt>
				<dd>{row.name}</dd>
			</div>
			{row.host && (
				<div class={widthOf(row.host)}>
					<dt>Host</dt>
					<dd>
						{row.host}
						{row.pid ? <span class="faint"> pid {row.pid}</span> : null}
					</dd>
				</div>
			)}
			{row.ip && (
				<div>
					<dt>IP</dt>
					<dd>{row.ip}</dd>
				</div>
			)}
			{row.token && (
				<div>
					<dt>Token</dt>
					<dd class="num">{row.token}</dd>
				</div>
			)}
			{fields.map(([name, value]) => (
				<div key={name} class={widthOf(show(value))}>
					<dt title={name}>{name}</dt>
					<dd>{show(value)}</dd>
				</div>
			))}
			{row.lastError && !one.trouble.tells && (
				<div class="wide error">
					<dt>
						Last error <Ago time={row.lastErrorAt} />
					</dt>
					<dd>{row.lastError}</dd>
				</div>
			)}
		</dl>
	);
}

function History({history, one}: {history: Step[]; one: One}) {
	if (history.length === 0) return null;
	const ends = history.map((_, i) => (i + 1 < history.length ? ms(history[i + 1]!.at) : one.row.gone ? ms(one.row.gone.at) : now()) ?? now());
	const spent = history.map((step, i) => Math.max(0, ends[i]! - (ms(step.at) ?? ends[i]!)));
	const longest = Math.max(1, ...spent.map(Math.sqrt));
	return (
		<section class="panel" aria-labelledby="history-title">
			<div class="panel-head">
				<h2 id="history-title">History</h2>
				<p class="legend faint">the newest first, with the time spent in each state</p>
			</div>
			<ol class="history">
				{history
					.map((step, i) => (
						<li key={step.number ?? i}>
							<time class="num faint" dateTime={step.at} title={step.at}>
								{at(ms(step.at) ?? 0)}
							</time>
							<Badge state={step.to} />
							<span class="spent">
								<i class={`tone ${toneOf(step.to).name}`} aria-hidden="true" style={{width: `${((100 * Math.sqrt(spent[i]!)) / longest).toFixed(1)}%`}} />
							</span>
							<span class="num">{span(spent[i]!)}</span>
							<span class="cause faint" title={step.cause}>
								{step.event && `${step.event} `}
								{step.cause}
							</span>
						</li>
					))
					.toReversed()}
			</ol>
		</section>
	);
}

function Payload({instance}: {instance?: Instance}) {
	if (!instance || (instance.payload === undefined && instance.text === undefined)) return null;
	return (
		<section class="panel" aria-labelledby="payload-title">
			<div class="panel-head">
				<h2 id="payload-title">Payload</h2>
				{instance.size !== undefined && <p class="legend faint">{instance.size.toLocaleString('en')} bytes</p>}
			</div>
			{instance.payload !== undefined ? <Tree value={instance.payload} /> : <pre class="text" tabIndex={0}>{instance.text}</pre>}
		</section>
	);
}
