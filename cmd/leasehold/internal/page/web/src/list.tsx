// A long list of which only the rows in view are in the document. It scrolls with the page.

import type {ComponentChildren} from 'preact';
import {useEffect, useLayoutEffect, useReducer, useRef, useState} from 'preact/hooks';

interface Props<T> {
	items: T[];
	keyOf: (item: T) => string;
	height: number; // of a row, in pixels
	row: (item: T, index: number, top: number) => ComponentChildren;
	label: string;
	role?: 'rowgroup' | 'list';
	class?: string;
}

const around = 4; // rows drawn beyond the view on each side
const atOnce = 12; // new rows of one frame, so that none takes long

// LongList draws each row at its top. Arrow keys, page keys, Home and End go from row to row; a row
// takes the focus in its first link.
export function LongList<T>({items, keyOf, height, row, label, role = 'rowgroup', class: name}: Props<T>) {
	const box = useRef<HTMLDivElement>(null);
	const [range, setRange] = useState<[number, number]>([0, 30]);
	const focused = useRef<string | undefined>(undefined);
	const wanted = useRef<string | undefined>(undefined);
	const inDocument = useRef(new Set<string>());
	const [, more] = useReducer<number, void>(n => n + 1, 0);

	const measure = () => {
		if (!box.current) return;
		const top = box.current.getBoundingClientRect().top;
		const first = Math.max(0, Math.floor(-top / height) - around);
		const last = Math.ceil((innerHeight - top) / height) + around;
		setRange(before => (before[0] === first && before[1] === last ? before : [first, last]));
	};

	useEffect(() => {
		measure();
		let asked = 0;
		const later = () => (asked ||= requestAnimationFrame(() => ((asked = 0), measure())));
		// A press beside the rows takes the focus from them for good.
		const pressed = () => (focused.current = undefined);
		addEventListener('scroll', later, {passive: true});
		addEventListener('resize', later);
		addEventListener('pointerdown', pressed);
		return () => {
			cancelAnimationFrame(asked);
			removeEventListener('pointerdown', pressed);
			removeEventListener('scroll', later);
			removeEventListener('resize', later);
		};
	}, [height]);
	useLayoutEffect(measure, [items.length > 0, height]);

	// The row with the focus stays in the document, and keeps the focus when it moves.
	useLayoutEffect(() => {
		const key = wanted.current ?? focused.current;
		if (key === undefined || !box.current) return;
		if (wanted.current === undefined && document.activeElement !== document.body) return;
		const link = box.current.querySelector<HTMLElement>(`[data-row="${CSS.escape(key)}"] a`);
		if (!link) return;
		wanted.current = undefined;
		link.focus({preventScroll: true});
	});

	const onKeyDown = (event: KeyboardEvent) => {
		if (event.altKey || event.ctrlKey || event.metaKey || !box.current) return;
		const at = (event.target as Element).closest('[data-index]');
		if (!at) return;
		const index = Number((at as HTMLElement).dataset.index);
		const page = Math.max(1, Math.floor(innerHeight / height) - 3);
		const to = {ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page, Home: 0, End: items.length - 1}[event.key];
		if (to === undefined || items.length === 0) return;
		event.preventDefault();
		const next = Math.min(items.length - 1, Math.max(0, to));
		wanted.current = keyOf(items[next]!);
		const top = box.current.getBoundingClientRect().top + next * height;
		const head = 120; // what sticks to the top of the page
		if (top < head) scrollBy(0, top - head);
		else if (top + height > innerHeight - 8) scrollBy(0, top + height - innerHeight + 8);
		measure();
		const link = box.current.querySelector<HTMLElement>(`[data-row="${CSS.escape(wanted.current)}"] a`);
		if (link) {
			wanted.current = undefined;
			link.focus({preventScroll: true});
		}
	};

	// After a jump the rows come in several frames. Those of before stay as long as they are in view.
	const first = Math.min(range[0], items.length);
	const drawn: ComponentChildren[] = [];
	const keys = new Set<string>();
	let room = atOnce;
	let waits = false;
	for (let i = first; i < Math.min(items.length, range[1]); i++) {
		const key = keyOf(items[i]!);
		if (!inDocument.current.has(key) && --room < 0) {
			waits = true;
			continue;
		}
		keys.add(key);
		drawn.push(row(items[i]!, i, i * height));
	}
	inDocument.current = keys;
	useEffect(() => {
		if (!waits) return;
		const asked = requestAnimationFrame(() => more());
		return () => cancelAnimationFrame(asked);
	});
	if (focused.current !== undefined) {
		const index = items.findIndex(item => keyOf(item) === focused.current);
		if (index >= 0 && index < first) drawn.unshift(row(items[index]!, index, index * height));
		else if (index >= range[1]) drawn.push(row(items[index]!, index, index * height));
	}
	return (
		<div
			ref={box}
			role={role}
			aria-label={role === 'list' ? label : undefined}
			class={`long ${name ?? ''}`}
			style={{height: `${items.length * height}px`}}
			onKeyDown={onKeyDown}
			onFocusIn={event => (focused.current = ((event.target as Element).closest('[data-row]') as HTMLElement | null)?.dataset.row)}
			onFocusOut={event => {
				// A row that is taken out of the document loses the focus to nothing.
				if (event.relatedTarget) focused.current = undefined;
			}}
		>
			{drawn}
		</div>
	);
}
