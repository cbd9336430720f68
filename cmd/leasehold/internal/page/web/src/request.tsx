// Asks an instance to move, after a confirmation, and shows what it answered.

import {useEffect, useRef, useState} from 'preact/hooks';
import {ask, type Answer, type PermittedEvent} from './api';
import {hello, type One} from './model';
import {Badge, Failed, Icon} from './parts';

export type What = {state: string} | {event: PermittedEvent};

// Ask takes the name of a state, for an instance that does not tell which are permitted.
function Ask({set, known}: {set: (what: What) => void; known: string[]}) {
	const [state, setState] = useState('');
	return (
		<form
			class="ask"
			onSubmit={event => {
				event.preventDefault();
				if (state !== '') set({state});
			}}
		>
			<label class="field">
				State to ask for
				<input value={state} list="known-states" autocomplete="off" spellcheck={false} onInput={event => setState(event.currentTarget.value)} />
			</label>
			<datalist id="known-states">
				{known.map(name => (
					<option key={name} value={name} />
				))}
			</datalist>
			<button type="submit" class="button" disabled={state === ''}>
				Ask …
			</button>
		</form>
	);
}

export function Permitted({one, states, events, known}: {one: One; states?: string[]; events?: PermittedEvent[]; known: string[]}) {
	const [what, setWhat] = useState<What | undefined>();
	const {row} = one;
	const shown = !row.gone && row.kind === 'instance';
	const can = hello?.allowRequests === true && row.requests === true;
	const nothing = (states?.length ?? 0) + (events?.length ?? 0) === 0;
	// The answer to a request is shown also if the instance went after it.
	return (
		<>
		{shown && <section class="panel" aria-labelledby="permitted-title">
			<div class="panel-head">
				<h2 id="permitted-title">Permitted now</h2>
			</div>
			{states === undefined && events === undefined ? (
				<>
					<p class="faint">This instance does not tell which states are permitted.</p>
					{can && <Ask set={setWhat} known={known} />}
				</>
			) : nothing ? (
				<p class="faint">No transition leads out of this state.</p>
			) : (
				<ul class="permitted">
					{states?.map(state => (
						<li key={`s${state}`}>
							{can ? (
								<button type="button" class="button" onClick={() => setWhat({state})}>
									<span aria-hidden="true">→</span> {state}
								</button>
							) : (
								<>
									<span class="faint" aria-hidden="true">
										→
									</span>{' '}
									<Badge state={state} />
								</>
							)}
						</li>
					))}
					{events?.map(event => (
						<li key={`e${event.name}`}>
							{can ? (
								<button type="button" class="button" onClick={() => setWhat({event})}>
									{event.name} {event.to && <span class="faint">→ {event.to}</span>}
								</button>
							) : (
								<span class="badge plain">
									{event.name} {event.to && <span class="faint">→ {event.to}</span>}
								</span>
							)}
						</li>
					))}
				</ul>
			)}
			{!can && (
				<p class="faint note">
					{hello?.allowRequests !== true ? 'Read only: the server runs without --allow-requests.' : 'This instance takes no requests.'}
				</p>
			)}
		</section>}
		{what && <Confirm one={one} what={what} close={() => setWhat(undefined)} />}
		</>
	);
}

function Confirm({one, what, close}: {one: One; what: What; close: () => void}) {
	const dialog = useRef<HTMLDialogElement>(null);
	const [cause, setCause] = useState('');
	const [arg, setArg] = useState('');
	const [busy, setBusy] = useState(false);
	const [answer, setAnswer] = useState<Answer | undefined>();
	const [error, setError] = useState<unknown>();
	const [{token}] = useState(one.row); // of the instance that the user has seen
	const ended = one.row.gone !== undefined || one.row.token !== token;
	useEffect(() => dialog.current?.showModal(), []);

	const send = async () => {
		let value: unknown;
		try {
			value = arg.trim() === '' ? undefined : JSON.parse(arg);
		} catch {
			setError(new Error('The argument is no JSON.'));
			return;
		}
		setBusy(true);
		setError(undefined);
		try {
			const asked = 'state' in what ? {state: what.state} : {event: what.event.name, arg: value};
			setAnswer(await ask<Answer>('api/request', {key: one.key, token, cause: cause || undefined, ...asked}));
		} catch (error) {
			setError(error);
		}
		setBusy(false);
	};
	const done = answer?.outcome.startsWith('done');
	return (
		<dialog ref={dialog} class="dialog" aria-labelledby="ask-title" onClose={close}>
			<form
				method="dialog"
				onSubmit={event => {
					if (answer) return;
					event.preventDefault();
					if (!busy && !ended) void send();
				}}
			>
				<h2 id="ask-title">
					{'state' in what ? (
						<>
							Move to <em>{what.state}</em>?
						</>
					) : (
						<>
							Fire <em>{what.event.name}</em>?
						</>
					)}
				</h2>
				{answer ? (
					<p class="key">{one.key}</p>
				) : (
					<>
						<p>
							{ended ? (
								<>
									This instance no longer holds <b class="key">{one.key}</b>.
								</>
							) : (
								<>
									<b class="key">{one.key}</b> is in state <Badge state={one.row.state ?? ''} />
									{one.row.host && <> on {one.row.host}</>}. It is asked, and may refuse.
								</>
							)}
						</p>
						{'event' in what && what.event.arg !== false && (
							<label class="field">
								Argument, as JSON (if the event takes one)
								<textarea rows={3} value={arg} spellcheck={false} onInput={event => setArg(event.currentTarget.value)} />
							</label>
						)}
						<label class="field">
							Cause, for the log
							<input value={cause} maxLength={200} autocomplete="off" onInput={event => setCause(event.currentTarget.value)} />
						</label>
					</>
				)}
				<div aria-live="polite">
					{busy && <p class="faint">Waiting for its answer … It is asked even if you close this; its log tells the answer.</p>}
					{error !== undefined && <Failed error={error} />}
					{answer && (
						<p class={`answer ${done ? 'well' : 'bad'}`}>
							<Icon name={done ? 'check' : 'alert'} />
							<span>
								<b>{answer.outcome}.</b>
								{answer.state && (
									<>
										{' '}
										It is in state <Badge state={answer.state} />
									</>
								)}
								{answer.error && <span class="block">{answer.error}</span>}
								{!done && answer.permitted && answer.permitted.length > 0 && <span class="block faint">Permitted: {answer.permitted.join(', ')}</span>}
							</span>
						</p>
					)}
				</div>
				<div class="buttons">
					{answer ? (
						<button type="submit" class="button primary">
							Close
						</button>
					) : (
						<>
							<button type="button" class="button" onClick={() => dialog.current?.close()}>
								{busy || ended ? 'Close' : 'Cancel'}
							</button>
							<button type="submit" class="button primary" disabled={busy || ended}>
								{'state' in what ? `Ask to move to ${what.state}` : `Ask to fire ${what.event.name}`}
							</button>
						</>
					)}
				</div>
			</form>
		</dialog>
	);
}
