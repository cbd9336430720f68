#!/usr/bin/env bash
# npm xstate 5.33.3 in Debian's node.
#
# Guess: SimulatedClock.increment(10) goes through the ten milliseconds in order: a delayed transition after 3
#        leads to a state whose own delay of 3 ends at 6, within the ten.
# Seen:  the clock is at the end before anything fires. The second delay begins at 10, so the machine stays
#        in the middle; ten increments of one millisecond lead to the end.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm pack --silent xstate@5.33.3 >/dev/null
tar xzf xstate-5.33.3.tgz
cat >run.js <<'END'
const { createActor, createMachine, SimulatedClock } = require('./package/dist/xstate.cjs.js');
const machine = createMachine({
  initial: 'first',
  states: { first: { after: { 3: 'second' } }, second: { after: { 3: 'third' } }, third: {} },
});
for (const steps of [[10], Array(10).fill(1)]) {
  const clock = new SimulatedClock();
  const actor = createActor(machine, { clock }).start();
  for (const step of steps) clock.increment(step);
  console.log(`${steps.length} increments, clock at ${clock.now()}: ${actor.getSnapshot().value}`);
}
END
seen=$(node run.js)
echo "$seen"
[ "$seen" = "1 increments, clock at 10: second
10 increments, clock at 10: third" ] || { echo "this has changed" >&2; exit 1; }
