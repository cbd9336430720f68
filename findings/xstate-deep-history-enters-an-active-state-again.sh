#!/usr/bin/env bash
# npm xstate 5.33.3 in Debian's node.
#
# Guess: a transition to a deep history state enters the states that it has left, and no others: from one
#        leaf to the same one, within an active parent, the parent stays as it is.
# Seen:  every state between the history state's parent and the leaf is entered again, without an exit. Its
#        delayed transition is started a second time, and leaving the state stops only one of the two: the
#        other fires in a later visit, too early.
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
let log = [];
const notes = (state) => ({ entry: () => log.push('enter ' + state), exit: () => log.push('exit ' + state) });
const machine = createMachine({
  initial: 'outer',
  states: {
    outer: {
      initial: 'inner',
      states: {
        last: { id: 'last', type: 'history', history: 'deep' },
        inner: {
          ...notes('inner'),
          after: { 10: { actions: () => log.push('10 ms in inner') } },
          initial: 'leaf',
          states: {
            leaf: {
              id: 'leaf',
              ...notes('leaf'),
              on: {
                'to itself': { target: '#leaf', reenter: true },
                'to the history state': { target: '#last', reenter: true },
              },
            },
          },
        },
      },
      on: { out: '#away' },
    },
    away: { id: 'away', on: { in: 'outer' } },
  },
});
const clock = new SimulatedClock();
const actor = createActor(machine, { clock });
actor.start();
function show(what, act) {
  log = [];
  act();
  console.log(`${what}: ${log.join(', ')}`);
}
for (const type of ['out', 'in', 'to itself']) show(type, () => actor.send({ type }));
show('5 ms later', () => clock.increment(5));
for (const type of ['to the history state', 'out', 'in']) show(type, () => actor.send({ type }));
show('6 ms later', () => clock.increment(6));
END
node run.js | tee seen
diff seen - <<'END'
out: exit leaf, exit inner
in: enter inner, enter leaf
to itself: exit leaf, enter leaf
5 ms later: 
to the history state: exit leaf, enter inner, enter leaf
out: exit leaf, exit inner
in: enter inner, enter leaf
6 ms later: 10 ms in inner
END
echo "as found: xstate 5.33.3, node $(node --version)"
