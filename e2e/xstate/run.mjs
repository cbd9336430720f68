// Reads charts from standard input, one JSON object a line, and writes for each what XState
// did: a line with one result for each step. See node_test.go for the fields.
import { createInterface } from 'node:readline';
import { createActor, enqueueActions, setup } from 'xstate';

// Clock is simulated time in seconds. It fires timers at their own time, one after the other;
// timers of one time fire in the order of their start. (XState's SimulatedClock first moves to
// the end of the time, and starts there what follows.)
class Clock {
	now = 0;
	timers = new Map();
	ids = 0;
	setTimeout(fire, after) {
		this.timers.set(++this.ids, { due: this.now + after, fire });
		return this.ids;
	}
	clearTimeout(id) {
		this.timers.delete(id);
	}
	advance(seconds) {
		const end = this.now + seconds;
		for (;;) {
			let next;
			for (const [id, timer] of this.timers) {
				if (timer.due <= end && (!next || timer.due < next.due)) next = { id, ...timer };
			}
			if (!next) break;
			this.timers.delete(next.id);
			this.now = next.due;
			next.fire();
		}
		this.now = end;
	}
}

function run({ machine, delays, steps }) {
	let trace, arg, budget, microsteps; // of the step
	const all = (bits = [], value) => bits.every((bit) => (value >> bit) & 1);
	const logic = setup({
		actions: {
			note: (_, line) => void trace.push(line),
			raise: enqueueActions(({ enqueue }, event) => {
				if (budget > 0 && budget--) enqueue.raise(event);
			}),
		},
		guards: {
			passes: ({ event }, { own, step, chosen, of }) =>
				all(own, event.arg) && all(step, arg) && (!of || (event.arg >> 8) % of === chosen),
		},
		delays: Object.fromEntries(
			Object.entries(delays).map(([name, { seconds, bit }]) => [name, () => seconds + (bit ? (arg >> bit) & 1 : 0)]),
		),
	}).createMachine(machine);

	let actor, clock;
	const start = () => {
		clock = new Clock();
		actor = createActor(logic, {
			clock,
			inspect: (seen) => seen.type === '@xstate.microstep' && microsteps.push(seen._transitions),
		});
		actor.start();
	};
	const leaf = (value) => (typeof value === 'string' ? value : leaf(Object.values(value)[0]));
	return steps.map((step) => {
		trace = [];
		arg = step.arg;
		budget = 3;
		microsteps = [];
		if (step.start) start();
		else if (step.seconds) clock.advance(step.seconds);
		else actor.send({ type: step.event, arg });
		const taken = !!step.event && microsteps[0].length > 0;
		const { value, status } = actor.getSnapshot();
		return { state: leaf(value), trace, taken, done: status === 'done' };
	});
}

for await (const line of createInterface({ input: process.stdin })) {
	process.stdout.write(JSON.stringify(run(JSON.parse(line))) + '\n');
}
