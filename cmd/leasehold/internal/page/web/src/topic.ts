// Topics tell the parts of the page that draw them of news, together and a few times a second at most.

import {useEffect, useReducer} from 'preact/hooks';

const pause = 60; // in milliseconds, after which a frame is drawn
const changed = new Set<Topic>();
let last = 0;
let waiting = false;

export class Topic {
	readonly listeners = new Set<() => void>();

	changed() {
		changed.add(this);
		if (waiting) return;
		waiting = true;
		setTimeout(() => requestAnimationFrame(tell), Math.max(0, last + pause - performance.now()));
	}
}

function tell() {
	waiting = false;
	last = performance.now();
	const topics = [...changed];
	changed.clear();
	const listeners = new Set<() => void>();
	for (const topic of topics) for (const listener of topic.listeners) listeners.add(listener);
	for (const listener of listeners) listener();
}

// useTopics draws a component anew after news of any of the topics.
export function useTopics(...topics: Topic[]) {
	const [count, draw] = useReducer<number, void>(n => n + 1, 0);
	useEffect(() => {
		const listener = () => draw();
		for (const topic of topics) topic.listeners.add(listener);
		return () => {
			for (const topic of topics) topic.listeners.delete(listener);
		};
	}, topics);
	return count;
}

export const seconds = new Topic();
setInterval(() => document.hidden || seconds.changed(), 1000);
