#!/usr/bin/env bash
# npm machina 7.0.1 in Debian's node.
#
# Guess: inputs that were deferred wait until they have been handled. If one of them fails, those behind it are
#        replayed after a later transition, as they are if the state's _onEnter fails.
# Seen:  a handler that throws during the replay takes the inputs behind it with it. They are never handled, and
#        the error that handle throws is that of the first one alone.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm pack --silent machina@7.0.1 >/dev/null
tar xzf machina-7.0.1.tgz
cat >run.js <<'END'
const { createFsm } = require('./package/dist/index.cjs');
for (const where of ['_onEnter', 'first input']) {
  const handled = [];
  let down = true;
  const work = (name) => { if (name === where && down) { down = false; throw new Error('no connection'); } };
  const fsm = createFsm({
    id: 'job',
    initialState: 'starting',
    context: {},
    states: {
      starting: { add: ({ defer }) => { defer(); }, stop: ({ defer }) => { defer(); }, up: 'running' },
      running: {
        _onEnter() { work('_onEnter'); },
        add() { work('first input'); handled.push('add'); },
        stop() { handled.push('stop'); },
        again: 'starting',
      },
    },
  });
  fsm.handle('add');
  fsm.handle('stop');
  try { fsm.handle('up'); } catch (e) { console.log(`${where} fails: ${e.message}, in ${fsm.currentState()}`); }
  fsm.handle('again');
  fsm.handle('up');
  console.log(`after another transition, in ${fsm.currentState()}, handled: ${handled.join(' ') || 'nothing'}`);
}
END
timeout 20 node run.js | tee seen
diff seen - <<'END'
_onEnter fails: no connection, in running
after another transition, in running, handled: add stop
first input fails: no connection, in running
after another transition, in running, handled: nothing
END
echo "as found: machina 7.0.1"
