// The states of an instance as a picture: where it is, and by which edges it came there.

import {useEffect, useLayoutEffect, useMemo, useRef, useState} from 'preact/hooks';
import type {Definition, Edge, Step} from './api';
import type {Arrangement, Outline, Point} from './layout';
import {toneOf} from './tones';
import {scriptOf} from './trusted';

interface Box {
	name: string;
	x: number; // of the middle
	y: number;
	width: number;
	height: number;
	depth: number;
	parent: boolean;
	initial: boolean;
	final: boolean;
	history: string; // H of a history state
}

interface Arrow {
	from: string;
	to: string;
	sources: Set<string>; // the states that it leads from
	labels: string[];
	points: Point[];
	at?: Point; // of the label
	labelWidth: number;
}

interface Picture {
	boxes: Box[];
	arrows: Arrow[];
	left: number;
	top: number;
	width: number;
	height: number;
}

const margin = 8; // for the halo of the current state

const context = document.createElement('canvas').getContext('2d');

function widthOf(text: string, font: string): number {
	if (!context) return text.length * 8;
	context.font = font;
	return context.measureText(text).width;
}

const nameFont = '550 14px "Inter Variable", system-ui, sans-serif';
const labelFont = '450 11.5px "Inter Variable", system-ui, sans-serif';
const longest = 28; // characters of a label

const cut = (text: string) => (text.length > longest ? text.slice(0, longest - 1) + '…' : text);

// definitionOf makes what can be told of a machine from its history alone.
export function definitionOf(history: Step[], state: string, permitted: string[]): Definition {
	const states = new Set<string>([state, ...permitted]);
	const edges = new Map<string, Edge>();
	for (const {from, to, event, start} of history) {
		states.add(to);
		if (start || !from) continue;
		states.add(from);
		edges.set(JSON.stringify([from, to]), {from, to, declared: from, events: event ? [{name: event}] : []});
	}
	for (const to of permitted) {
		const key = JSON.stringify([state, to]);
		if (!edges.has(key)) edges.set(key, {from: state, to, declared: state});
	}
	return {states: [...states].filter(Boolean).map(name => ({name})), edges: [...edges.values()], guessed: true};
}

let worker: Worker | undefined;
let asked = 0;
const waiting = new Map<number, {resolve(arranged: Arrangement[]): void; reject(error: Error): void}>();

// arrange returns an arrangement downwards and one to the right.
function arrange(outline: Outline): Promise<Arrangement[]> {
	if (!worker) {
		worker = new Worker(scriptOf('layout'));
		worker.onmessage = ({data: {id, arranged, error}}) => {
			if (arranged) waiting.get(id)?.resolve(arranged);
			else waiting.get(id)?.reject(Error(error));
			waiting.delete(id);
		};
	}
	const id = ++asked;
	worker.postMessage({id, outline});
	return new Promise((resolve, reject) => waiting.set(id, {resolve, reject}));
}

// draw makes a picture of each arrangement.
async function draw(def: Definition): Promise<Picture[]> {
	const names = def.states.map(state => state.name);
	const numbers = new Map(names.map((name, i) => [name, i]));
	const children = new Map<string, string[]>();
	for (const {name, parent} of def.states) if (parent !== undefined && numbers.has(parent)) children.set(parent, [...(children.get(parent) ?? []), name]);
	const depth = (name: string): number => {
		const {parent} = def.states[numbers.get(name)!]!;
		return parent !== undefined && numbers.has(parent) ? 1 + depth(parent) : 0;
	};
	// No edge can be arranged at a state with others in it: such an edge leads to the first state within
	// or from the last one, as it is arranged, and is drawn from and to the border.
	const first = (name: string): string => {
		const inner = children.get(name);
		if (!inner) return name;
		const {initial} = def.states[numbers.get(name)!]!;
		return first(initial !== undefined && inner.includes(initial) ? initial : inner[0]!);
	};
	const last = (name: string): string => {
		const inner = children.get(name)?.filter(child => !def.states[numbers.get(child)!]!.history);
		return inner?.length ? last(inner.at(-1)!) : first(name);
	};

	const merged = new Map<string, Arrow>();
	for (const edge of def.edges) {
		const {to, declared: from} = edge;
		if (!numbers.has(from) || !numbers.has(to)) continue;
		const key = JSON.stringify([from, to]);
		const arrow = merged.get(key) ?? {from, to, sources: new Set(), labels: [], points: [], labelWidth: 0};
		arrow.sources.add(edge.from);
		for (const label of labelsOf(edge)) if (!arrow.labels.includes(label)) arrow.labels.push(label);
		merged.set(key, arrow);
	}
	const edges = [...merged.values()];
	for (const arrow of edges) {
		if (arrow.labels.length > 3) arrow.labels = [...arrow.labels.slice(0, 2), `and ${arrow.labels.length - 2} more`];
		arrow.labelWidth = Math.max(0, ...arrow.labels.map(label => Math.ceil(widthOf(cut(label), labelFont)) + 10));
	}

	const arranged = await arrange({
		nodes: def.states.map(({name, parent, history}) => ({
			...(children.has(name) ? {} : history ? {width: 34, height: 34} : {width: Math.max(64, Math.ceil(widthOf(cut(name), nameFont)) + 34), height: 38}),
			parent: parent === undefined ? undefined : numbers.get(parent),
		})),
		edges: edges.map(arrow => ({from: numbers.get(last(arrow.from))!, to: numbers.get(first(arrow.to))!, width: arrow.labelWidth, height: arrow.labels.length * 15})),
	});
	return arranged.map(arrangement => {
		const boxes = def.states.map((state, i): Box => ({
			...arrangement.nodes[i]!,
			name: state.name,
			depth: depth(state.name),
			parent: children.has(state.name),
			initial: (i === 0 && !def.guessed) || def.states.some(other => other.initial === state.name),
			final: !!state.final,
			history: state.history ? (state.history === 'deep' ? 'H*' : 'H') : '',
		}));
		const of = (name: string) => boxes[numbers.get(name)!]!;
		const arrows = edges
			.map((edge, i): Arrow => {
				const {points, x, y} = arrangement.edges[i]!;
				const arrow = {...edge, points};
				if (arrow.from !== arrow.to) arrow.points = clip(clip(points, of(arrow.from)).toReversed(), of(arrow.to)).toReversed();
				if (arrow.labels.length > 0 && x !== undefined && y !== undefined) {
					const at = {x, y};
					const clipped = lengthOf(arrow.points) < lengthOf(points);
					arrow.at = clipped && [arrow.from, arrow.to].some(name => children.has(name) && within(at, of(name))) ? middle(arrow.points) : at;
				}
				return arrow;
			})
			.filter(arrow => arrow.points.length > 1);
		const xs = [...boxes.flatMap(b => [b.x - b.width / 2, b.x + b.width / 2]), ...arrows.flatMap(a => a.points.map(p => p.x)), ...arrows.flatMap(a => (a.at ? [a.at.x - a.labelWidth / 2, a.at.x + a.labelWidth / 2] : []))];
		const ys = [...boxes.flatMap(b => [b.y - b.height / 2, b.y + b.height / 2]), ...arrows.flatMap(a => a.points.map(p => p.y))];
		const left = Math.min(...xs) - margin;
		const top = Math.min(...ys) - margin;
		return {boxes: boxes.toSorted((a, b) => a.depth - b.depth), arrows, left, top, width: Math.max(...xs) + margin - left, height: Math.max(...ys) + margin - top};
	});
}

const within = (p: Point, box: Box) => Math.abs(p.x - box.x) < box.width / 2 && Math.abs(p.y - box.y) < box.height / 2;

const lengthsOf = (points: Point[]) => points.slice(1).map((p, i) => Math.hypot(p.x - points[i]!.x, p.y - points[i]!.y));
const lengthOf = (points: Point[]) => lengthsOf(points).reduce((sum, length) => sum + length, 0);

// middle is the point half way along a path.
function middle(points: Point[]): Point | undefined {
	const lengths = lengthsOf(points);
	let rest = lengthOf(points) / 2;
	for (const [i, length] of lengths.entries()) {
		const [a, b] = [points[i]!, points[i + 1]!];
		if (rest <= length) return {x: a.x + ((b.x - a.x) * rest) / (length || 1), y: a.y + ((b.y - a.y) * rest) / (length || 1)};
		rest -= length;
	}
	return points[0];
}

function labelsOf({events, guards, timeouts}: Edge): string[] {
	const guarded = (name: string, more: string[] = []) => [name, ...[...more, ...(guards ?? [])].map(guard => `[${guard}]`)].filter(Boolean).join(' ');
	const labels = [...(events ?? []).map(event => guarded(event.name, event.guards)), ...(timeouts ?? []).map(name => guarded(`after ${name}`))];
	return labels.length === 0 && guards ? [guarded('')] : labels;
}

const shortest = 40; // pixels of a path that has been clipped

// clip leaves out the points at the beginning that lie within a parent, unless little is left.
function clip(points: Point[], box: Box): Point[] {
	if (!box.parent) return points;
	const inside = (p: Point) => within(p, box);
	let last = -1;
	points.forEach((p, i) => inside(p) && (last = i));
	if (last < 0 || last === points.length - 1) return points;
	let a = points[last]!;
	let b = points[last + 1]!;
	for (let i = 0; i < 24; i++) {
		const between = middle([a, b])!;
		if (inside(between)) a = between;
		else b = between;
	}
	const rest = [b, ...points.slice(last + 1)];
	return lengthOf(rest) < shortest ? points : rest;
}

// curve is a smooth path through points: a B-spline, as long as there are enough of them.
function curve(points: Point[]): string {
	const p = (q: Point) => `${q.x.toFixed(1)} ${q.y.toFixed(1)}`;
	const [a, ...rest] = points;
	if (!a) return '';
	if (rest.length < 2) return `M${p(a)}L${rest.map(p).join('L')}`;
	let path = `M${p(a)}`;
	for (let i = 0; i < rest.length - 1; i++) {
		const b = rest[i]!;
		const c = rest[i + 1]!;
		const end = i === rest.length - 2 ? c : {x: (b.x + c.x) / 2, y: (b.y + c.y) / 2};
		path += `Q${p(b)} ${p(end)}`;
	}
	return path;
}

interface Props {
	definition: Definition;
	state: string;
	path: Step[]; // the newest last
	gone: boolean;
}

const steps = 3; // of the path that are marked
const smallest = 0.72; // scale, below which the picture scrolls

export function Diagram({definition, state, path, gone}: Props) {
	const box = useRef<HTMLDivElement>(null);
	const [pictures, setPictures] = useState<Picture[]>([]);
	const [failed, setFailed] = useState(false);
	useEffect(() => {
		let asked = true;
		draw(definition).then(
			pictures => asked && setPictures(pictures),
			() => asked && setFailed(true),
		);
		return () => (asked = false);
	}, [definition]);
	const [room, setRoom] = useState(0);
	useLayoutEffect(() => {
		if (!box.current) return;
		const observer = new ResizeObserver(([entry]) => setRoom(Math.round(entry!.contentRect.width)));
		observer.observe(box.current);
		return () => observer.disconnect();
	}, [pictures.length > 0]);
	const parents = useMemo(() => new Map(definition.states.map(state => [state.name, state.parent])), [definition]);
	// The direction in which it is drawn the larger.
	const scale = ({width, height}: Picture) => Math.min(1, room / width, 620 / height);
	const picture = pictures.toSorted((a, b) => scale(b) - scale(a))[0];
	if (!picture || room === 0) {
		return (
			<div ref={box} class="diagram">
				{failed && <p class="faint">These states cannot be drawn.</p>}
			</div>
		);
	}
	const shrunk = Math.max(smallest, scale(picture));
	// A step may end in a state within the one that the arrow points at. 0 is the newest.
	const marked = new Map<Arrow, number>();
	path.filter(step => step.from && !step.start)
		.slice(-steps)
		.toReversed()
		.forEach((step, i) => {
			for (let to: string | undefined = step.to; to !== undefined; to = parents.get(to)) {
				const arrow = picture.arrows.find(arrow => arrow.to === to && arrow.sources.has(step.from));
				if (!arrow) continue;
				if (!marked.has(arrow)) marked.set(arrow, i);
				return;
			}
		});
	const rank = (arrow: Arrow) => marked.get(arrow);
	const arrows = picture.arrows.toSorted((a, b) => (rank(b) ?? 99) - (rank(a) ?? 99));
	const last = path.at(-1);
	const {left, top, width, height} = picture;
	return (
		<div ref={box} class="diagram" tabIndex={0} role="group" aria-label="State diagram">
			<svg
				viewBox={`${left.toFixed(1)} ${top.toFixed(1)} ${width.toFixed(1)} ${height.toFixed(1)}`}
				width={Math.ceil(width * shrunk)}
				height={Math.ceil(height * shrunk)}
				role="img"
				aria-label={`${definition.states.length} states and ${picture.arrows.length} edges. ${gone ? 'Last' : 'Current'} state: ${state}${last?.from ? `, reached from ${last.from}` : ''}.`}
			>
				<defs>
					{['', 'on-0', 'on-1', 'on-2'].map(name => (
						<marker key={name} id={`head-${name}`} class={`head ${name}`} viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto-start-reverse">
							<path d="M0 .8 10 5 0 9.2z" />
						</marker>
					))}
				</defs>
				{picture.boxes
					.filter(box => box.parent)
					.map(box => (
						<g key={box.name} class={`node parent ${box.name === state ? 'current' : ''}`}>
							<rect x={box.x - box.width / 2} y={box.y - box.height / 2} width={box.width} height={box.height} rx="10" />
							<text x={box.x - box.width / 2 + 12} y={box.y - box.height / 2 + 17} class="parent-name">
								{cut(box.name)}
							</text>
						</g>
					))}
				{arrows.map(arrow => {
					const r = rank(arrow);
					return <path key={JSON.stringify([arrow.from, arrow.to])} class={`edge ${r === undefined ? '' : `on-${r}`}`} d={curve(arrow.points)} marker-end={`url(#head-${r === undefined ? '' : `on-${r}`})`} />;
				})}
				{arrows.map(
					arrow =>
						arrow.at && (
							<g key={JSON.stringify([arrow.from, arrow.to])} class="label">
								<rect x={arrow.at.x - arrow.labelWidth / 2} y={arrow.at.y - arrow.labels.length * 7.5} width={arrow.labelWidth} height={arrow.labels.length * 15} rx="4" />
								{arrow.labels.map((label, i) => (
									<text key={i} x={arrow.at!.x} y={arrow.at!.y + (i - (arrow.labels.length - 1) / 2) * 15 + 4}>
										{cut(label)}
									</text>
								))}
							</g>
						),
				)}
				{picture.boxes
					.filter(box => !box.parent)
					.map(box => (
						<g key={box.name} class={`node tone ${toneOf(box.name).name} ${box.name === state ? (gone ? 'was' : 'current') : ''} ${box.final ? 'final' : ''}`}>
							<title>{box.name}</title>
							{box.name === state && !gone && <rect class="halo" x={box.x - box.width / 2 - 5} y={box.y - box.height / 2 - 5} width={box.width + 10} height={box.height + 10} rx="15" />}
							<rect class="body" x={box.x - box.width / 2} y={box.y - box.height / 2} width={box.width} height={box.height} rx="10" />
							{box.final && <rect class="inner" x={box.x - box.width / 2 + 3} y={box.y - box.height / 2 + 3} width={box.width - 6} height={box.height - 6} rx="7" />}
							{box.initial && <circle class="initial" cx={box.x - box.width / 2 + 12} cy={box.y} r="3.5" />}
							<text x={box.x + (box.initial ? 5 : 0)} y={box.y + 5}>
								{box.history || cut(box.name)}
							</text>
						</g>
					))}
			</svg>
		</div>
	);
}
