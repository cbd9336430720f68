#!/usr/bin/env bash
# npm xstate 5.33.3, in node.
#
# Guess: an actor that is restored from getPersistedSnapshot goes on with the delays of its state, or begins them again: the
#        documentation says that it is restored to where it was, and that actions are not run again, and nothing of delays.
# Seen:  it waits for none of them, and stays in its state for ever if nothing else comes: neither a transition of "after", nor
#        an event raised with a delay, nor those of an invoked machine. What is scheduled is kept by the actor system, whose
#        part getPersistedSnapshot leaves out. A transition that enters the state again begins its delays anew. (The bug is
#        open in xstate's tracker since July 2025; xstate 6, in beta, restores them.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" xstate@5.33.3 >/dev/null
cat >run.mjs <<'END'
import { createActor, createMachine, raise } from 'xstate';

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const after = createMachine({
  initial: 'held',
  states: { held: { after: { 500: 'lost' }, on: { RENEW: { target: 'held', reenter: true } } }, lost: { type: 'final' } },
});
const machines = {
  after,
  'a raised event': createMachine({
    initial: 'held',
    states: { held: { entry: raise({ type: 'EXPIRE' }, { delay: 500 }), on: { EXPIRE: 'lost' } }, lost: {} },
  }),
  'an invoked machine': createMachine({
    initial: 'held',
    states: { held: { invoke: { src: after, onDone: 'lost' } }, lost: {} },
  }),
};
for (const [name, machine] of Object.entries(machines)) {
  const first = createActor(machine).start();
  const stored = JSON.stringify(first.getPersistedSnapshot());
  await pause(3000);
  const second = createActor(machine, { snapshot: JSON.parse(stored) }).start();
  await pause(3000);
  console.log(`${name}: the first is in ${first.getSnapshot().value}, the restored one in ${second.getSnapshot().value}`);
  if (name !== 'after') continue;
  second.send({ type: 'RENEW' });
  await pause(3000);
  console.log(`${name}: entered again, the restored one is in ${second.getSnapshot().value}`);
}
END
timeout 40 node run.mjs | tee seen
diff seen - <<'END'
after: the first is in lost, the restored one in held
after: entered again, the restored one is in lost
a raised event: the first is in lost, the restored one in held
an invoked machine: the first is in lost, the restored one in held
END
echo "as found: xstate 5.33.3"
