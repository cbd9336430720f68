// Renders one Mermaid text after another as the test asks for them, and answers with what
// each picture shows: texts as a reader sees them, and what lies within or touches what.

// lines returns the lines of a label, which are HTML in the SVG, or its own text elements with
// htmlLabels: false. innerText leaves out what is not visible, and joins spaces that are drawn as
// one. A word joiner has no width.
function lines(label) {
	const html = [...label.querySelectorAll('foreignObject > div')].flatMap(div => div.innerText.split('\n'));
	const svg = [...label.querySelectorAll('text')].map(text => text.textContent); // with its rows joined
	return [...html, ...svg].map(line => line.replaceAll('\u00a0', ' ').replaceAll('\u2060', ''));
}

// contains lets a box with a long title stand out of the box around it at the sides, where
// Mermaid leaves it no more room.
function contains(outer, inner) {
	const middle = (inner.left + inner.right) / 2;
	return outer.top < inner.top && outer.bottom > inner.bottom && outer.left < middle && outer.right > middle;
}

// distance returns how far a point is from the border of a rectangle.
function distance(point, r) {
	const dx = Math.max(r.left - point.x, 0, point.x - r.right);
	const dy = Math.max(r.top - point.y, 0, point.y - r.bottom);
	if (dx > 0 || dy > 0) return Math.hypot(dx, dy);
	return Math.min(point.x - r.left, r.right - point.x, point.y - r.top, r.bottom - point.y);
}

function read(svg) {
	const boxes = [...svg.querySelectorAll('g.node, g.statediagram-cluster')].map(g => {
		const shape = g.querySelector('rect, circle, .outer-path');
		return {
			id: /-state-(\w+)-\d+$/.exec(g.id)[1],
			parent: g.classList.contains('statediagram-cluster'),
			border: shape.getBoundingClientRect(),
			text: lines(g),
			current: getComputedStyle(shape).fill === 'rgb(255, 213, 79)',
		};
	});
	const touched = point => {
		const [nearest] = boxes.toSorted((a, b) => distance(point, a.border) - distance(point, b.border));
		if (distance(point, nearest.border) > 15) throw Error(`an arrow ends ${distance(point, nearest.border)} pixels from ${nearest.id}`);
		return nearest.id;
	};
	const labels = new Map([...svg.querySelectorAll('.edgeLabel .label')].map(label => [label.dataset.id, lines(label)]));
	const arrows = [...svg.querySelectorAll('path.transition')].map(path => {
		const ends = JSON.parse(atob(path.dataset.points)).map(p => new DOMPoint(p.x, p.y).matrixTransform(path.getScreenCTM()));
		return {from: touched(ends.at(0)), to: touched(ends.at(-1)), text: labels.get(path.dataset.id) ?? []};
	});
	for (const box of boxes) {
		const around = boxes.filter(b => b.parent && contains(b.border, box.border));
		around.sort((a, b) => a.border.height - b.border.height);
		box.in = around[0]?.id ?? '';
	}
	return {boxes, arrows};
}

async function main() {
	for (let drawn = 0; ; drawn++) {
		const {Text: text, HTMLLabels: htmlLabels} = await (await fetch('next')).json();
		mermaid.initialize({startOnLoad: false, maxTextSize: 1e6, htmlLabels, state: {useMaxWidth: false}});
		const picture = document.createElement('div');
		document.body.append(picture);
		let answer;
		try {
			picture.innerHTML = (await mermaid.render(`drawing${drawn}`, text)).svg;
			answer = read(picture);
		} catch (error) {
			answer = {error: String(error)};
		}
		picture.remove();
		await fetch('shown', {method: 'POST', body: JSON.stringify(answer)});
	}
}

addEventListener('load', main);
