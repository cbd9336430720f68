// A payload as a tree. Every text of it is shown as text.

import {useState} from 'preact/hooks';

const atOnce = 100; // members of an object or array
const atFirst = 10_000; // characters of a text

export function Tree({value}: {value: unknown}) {
	return (
		<div class="tree">
			<Node value={value} open={2} />
		</div>
	);
}

function Node({name, value, open}: {name?: string | number; value: unknown; open: number}) {
	const label = name === undefined ? null : <span class="tree-name">{name}</span>;
	if (typeof value !== 'object' || value === null) {
		return (
			<div class="tree-leaf">
				{label} <span class={`tree-value ${value === null ? 'null' : typeof value}`}>{typeof value === 'string' ? <Text text={value} /> : String(value)}</span>
			</div>
		);
	}
	const members = Array.isArray(value) ? value.map((member, i): [number, unknown] => [i, member]) : Object.entries(value);
	const size = Array.isArray(value) ? `[${members.length}]` : `{${members.length}}`;
	if (members.length === 0) {
		return (
			<div class="tree-leaf">
				{label} <span class="faint">{Array.isArray(value) ? '[ ]' : '{ }'}</span>
			</div>
		);
	}
	if (name === undefined) return <Members members={members} open={open} />;
	return <Branch label={label} size={size} members={members} open={open} />;
}

function Text({text}: {text: string}) {
	const [all, set] = useState(false);
	if (all || text.length <= atFirst) return <>{text === '' ? '""' : text}</>;
	return (
		<>
			{text.slice(0, atFirst)}…{' '}
			<button type="button" class="button small" onClick={() => set(true)}>
				{(text.length - atFirst).toLocaleString('en')} more characters
			</button>
		</>
	);
}

function Branch({label, size, members, open}: {label: preact.JSX.Element | null; size: string; members: [string | number, unknown][]; open: number}) {
	const [opened, set] = useState(open > 0 && members.length <= 20);
	return (
		<details open={opened} onToggle={event => set(event.currentTarget.open)}>
			<summary>
				{label} <span class="faint">{size}</span>
			</summary>
			{opened && <Members members={members} open={open - 1} />}
		</details>
	);
}

function Members({members, open}: {members: [string | number, unknown][]; open: number}) {
	const [shown, set] = useState(atOnce);
	return (
		<div class="tree-members">
			{members.slice(0, shown).map(([name, value]) => (
				<Node key={name} name={name} value={value} open={open} />
			))}
			{members.length > shown && (
				<button type="button" class="button small" onClick={() => set(shown + 10 * atOnce)}>
					{members.length - shown} more
				</button>
			)}
		</div>
	);
}
