#!/usr/bin/env bash
# npm robot3 1.4.0, xstate 5.33.3, in Debian's node.
#
# Guess: an event that an action sends is handled after the transition that runs the action, in its new state, as
#        in xstate.
# Seen:  it is handled at once, in the old state. If that state does not know it, it is lost without a word. If it
#        does, its transition is made and told to the listener, and then the outer transition puts its own state
#        over it: a failure that an action reports is forgotten.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" robot3@1.4.0 xstate@5.33.3 >/dev/null
cat >run.js <<'END'
const robot = require('robot3');
const xstate = require('xstate');
for (const known of [false, true]) {
  const { action, createMachine, interpret, state, transition } = robot;
  const told = [];
  const fail = known ? [transition('fail', 'failed')] : [];
  const service = interpret(createMachine({
    starting: state(transition('start', 'running', action(() => service.send('fail'))), ...fail),
    running: state(transition('fail', 'failed')),
    failed: state(),
  }), (s) => told.push(s.machine.current));
  service.send('start');
  console.log(`robot3, known in the old state: ${known}: told ${told.join(', ')}, now ${service.machine.current}`);

  const actor = xstate.createActor(xstate.createMachine({
    initial: 'starting',
    states: {
      starting: { on: { start: { target: 'running', actions: () => actor.send({ type: 'fail' }) }, ...(known && { fail: 'failed' }) } },
      running: { on: { fail: 'failed' } },
      failed: {},
    },
  })).start();
  actor.send({ type: 'start' });
  console.log(`xstate, known in the old state: ${known}: now ${actor.getSnapshot().value}`);
}
END
timeout 20 node run.js | tee seen
diff seen - <<'END'
robot3, known in the old state: false: told running, now running
xstate, known in the old state: false: now failed
robot3, known in the old state: true: told failed, running, now running
xstate, known in the old state: true: now failed
END
echo "as found: robot3 1.4.0"
