// Arranges the states of a diagram, beside the page: a large machine takes a second.

import {Graph, layout} from '@dagrejs/dagre';

export interface Point {
	x: number;
	y: number;
}

// Places are numbers of nodes and edges. A node without a size holds others.
export interface Outline {
	nodes: {width?: number; height?: number; parent?: number}[];
	edges: {from: number; to: number; width: number; height: number}[];
}

export interface Arrangement {
	nodes: {x: number; y: number; width: number; height: number}[];
	edges: {points: Point[]; x?: number; y?: number}[];
}

function arrange({nodes, edges}: Outline, across: boolean): Arrangement {
	const g = new Graph({multigraph: true, compound: true});
	g.setGraph({rankdir: across ? 'LR' : 'TB', nodesep: 26, ranksep: across ? 46 : 40, edgesep: 14});
	g.setDefaultEdgeLabel(() => ({}));
	nodes.forEach(({width, height}, i) => g.setNode(`n${i}`, width === undefined ? {} : {width, height}));
	nodes.forEach(({parent}, i) => parent !== undefined && g.setParent(`n${i}`, `n${parent}`));
	edges.forEach(({from, to, width, height}, i) => g.setEdge(`n${from}`, `n${to}`, {width, height, labelpos: 'c'}, `e${i}`));
	layout(g);
	return {
		nodes: nodes.map((_, i) => {
			const {x, y, width, height} = g.node(`n${i}`) as Arrangement['nodes'][0];
			return {x, y, width, height};
		}),
		edges: edges.map(({from, to}, i) => {
			const {points, x, y} = g.edge({v: `n${from}`, w: `n${to}`, name: `e${i}`}) as Arrangement['edges'][0];
			return {points, x, y};
		}),
	};
}

self.onmessage = ({data}: MessageEvent<{id: number; outline: Outline}>) => {
	const {id, outline} = data;
	try {
		postMessage({id, arranged: [arrange(outline, false), arrange(outline, true)]});
	} catch (error) {
		postMessage({id, error: String(error)});
	}
};
