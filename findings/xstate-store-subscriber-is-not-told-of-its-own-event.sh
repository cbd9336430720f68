#!/usr/bin/env bash
# npm @xstate/store 4.2.3.
#
# Guess: every subscriber hears of every change, or at least of the last one, also if one of them triggers an event.
# Seen:  a subscriber that triggers an event is not told of the outcome: it goes on with the state before, and the
#        others miss the one between. One that throws keeps the change from those behind it, and the error comes out
#        of the trigger, although the change is made. In xstate all are told, and the error is reported elsewhere.
#        (Subscribers are effects in a queue: one that is running is not queued again, and an error leaves the rest
#        of the queue.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts @xstate/store@4.2.3 xstate@5.33.3 >/dev/null
cat >run.mjs <<'END'
import { createStore } from '@xstate/store';
import { assign, createActor, createMachine } from 'xstate';
const libraries = {
  '@xstate/store': () => {
    const store = createStore({ context: { n: 0 }, on: { add: ({ n }) => ({ n: n + 1 }) } });
    return [store, () => store.trigger.add()];
  },
  xstate: () => {
    const machine = createMachine({ context: { n: 0 }, on: { add: { actions: assign({ n: ({ context }) => context.n + 1 }) } } });
    const actor = createActor(machine).start();
    return [actor, () => actor.send({ type: 'add' })];
  },
};
process.on('uncaughtException', () => {});
for (const [name, create] of Object.entries(libraries)) {
  for (const fails of [false, true]) {
    const [source, add] = create();
    const told = { first: [], second: [] };
    source.subscribe(({ context }) => {
      told.first.push(context.n);
      if (fails) throw new Error('no connection');
      if (context.n === 1) add();
    });
    source.subscribe(({ context }) => told.second.push(context.n));
    let outcome = 'returns';
    try {
      add();
    } catch (e) {
      outcome = `throws "${e.message}"`;
    }
    console.log(`${name}, the first subscriber ${fails ? 'throws' : 'adds once more'}: the event ${outcome}, n is ${source.getSnapshot().context.n}`);
    console.log(`  told: first ${told.first}; second ${told.second}`);
  }
}
END
timeout 30 node run.mjs | tee seen
diff seen - <<'END'
@xstate/store, the first subscriber adds once more: the event returns, n is 2
  told: first 1; second 2
@xstate/store, the first subscriber throws: the event throws "no connection", n is 1
  told: first 1; second 
xstate, the first subscriber adds once more: the event returns, n is 2
  told: first 1,2; second 1,2
xstate, the first subscriber throws: the event returns, n is 1
  told: first 1; second 1
END
echo "as found: @xstate/store 4.2.3"
