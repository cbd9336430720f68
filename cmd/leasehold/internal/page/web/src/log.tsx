import {useEffect, useRef, useState} from 'preact/hooks';
import {ask, query, type Entry, type Log} from './api';
import {at, ms} from './format';
import {all} from './model';
import {Badge, Failed} from './parts';
import {reread} from './reread';

const kinds = ['transition', 'error', 'request', 'registered', 'left', 'lost'];
const length = 50; // of a page

// LogOf is the activity log of a key, the newest entries first, and new ones as they come.
export function LogOf({name}: {name: string}) {
	const [kind, setKind] = useState('');
	const [entries, setEntries] = useState<Entry[] | undefined>();
	const [more, setMore] = useState<string | undefined>();
	const [error, setError] = useState<unknown>();
	const [busy, setBusy] = useState(false);
	const shown = useRef<Entry[] | undefined>(undefined);
	shown.current = entries;

	useEffect(() => {
		setEntries(undefined);
		setMore(undefined);
		return reread(name, 500, async signal => {
			try {
				const log = await ask<Log>(`api/log?${query({key: name, kind, limit: length})}`, undefined, signal);
				const before = shown.current;
				const newest = new Set(log.entries.map(entry => entry.pos));
				if (!before || !before.some(entry => newest.has(entry.pos))) {
					setEntries(log.entries);
					setMore(log.more);
				} else setEntries([...log.entries, ...before.filter(entry => !newest.has(entry.pos))].slice(0, 2000));
				setError(undefined);
			} catch (error) {
				if (!signal.aborted) setError(error);
			}
		});
	}, [name, kind]);

	const older = async () => {
		setBusy(true);
		try {
			const log = await ask<Log>(`api/log?${query({key: name, kind, before: more, limit: length})}`);
			setEntries(before => [...(before ?? []), ...log.entries]);
			setMore(log.more);
			setError(undefined);
		} catch (error) {
			setError(error);
		}
		setBusy(false);
	};

	return (
		<section class="panel" aria-labelledby="log-title">
			<div class="panel-head">
				<h2 id="log-title">Log</h2>
				<div class="segments" role="group" aria-label="Kinds of entries">
					{['', ...kinds].map(value => (
						<button type="button" key={value} aria-pressed={kind === value} onClick={() => setKind(value)}>
							{value || 'all'}
						</button>
					))}
				</div>
			</div>
			{error !== undefined && <Failed error={error} />}
			{entries?.length === 0 && <p class="faint">{kind ? `No entry of kind ${kind}.` : 'This key has no log.'}</p>}
			<ol class="log">
				{entries?.map(entry => <EntryOf key={entry.pos} entry={entry} token={all.get(name)?.row.token} />)}
			</ol>
			{more && (
				<button type="button" class="button" disabled={busy} onClick={() => void older()}>
					Older entries
				</button>
			)}
		</section>
	);
}

function EntryOf({entry, token}: {entry: Entry; token?: string}) {
	const t = ms(entry.at) ?? 0;
	const {transition: step, request} = entry;
	const bad = entry.kind === 'error' || entry.kind === 'lost' || (request && request.outcome !== 'done');
	return (
		<li class={`entry ${bad ? 'bad' : ''}`}>
			<time dateTime={entry.at} title={entry.at} class="num">
				{at(t)}
			</time>
			<span class={`kind kind-${kinds.includes(entry.kind) ? entry.kind : 'other'}`}>{entry.kind}</span>
			<div class="entry-text">
				{step && (
					<span class="steps">
						{step.from && !step.start && (
							<>
								<Badge state={step.from} /> <span aria-label="to">→</span>{' '}
							</>
						)}
						<Badge state={step.to} />
						{step.event && <span class="faint"> by {step.event}</span>}
						{step.forced && <span class="faint"> forced</span>}
						{step.cause && <span> {step.cause}</span>}
					</span>
				)}
				{request && (
					<span>
						{request.what}: <b>{request.outcome}</b>
						{request.sender && <span class="faint"> asked by {request.sender}</span>}
						{request.took && <span class="faint"> in {request.took}</span>}
						{request.error && <> {request.error}</>}
					</span>
				)}
				{entry.text && <span>{entry.text}</span>}
				{entry.kind === 'registered' && (
					<span class="faint">
						{' '}
						{entry.instance} on {entry.host || 'a host of no name'}
					</span>
				)}
				{entry.token && entry.token !== token && <span class="faint"> token {entry.token}</span>}
			</div>
		</li>
	);
}
