#!/usr/bin/env bash
# npm typescript-fsm 1.6.0.
#
# Guess: one event makes at most one transition, and syncDispatch returns true when it has made one.
# Seen:  with transitions that have no callback, one event goes as far as later lines of the table take it: "next"
#        in "queued" ends in "done". It returns false, and logs that there is no such transition. Whether it goes
#        on depends on the order of the lines; with callbacks, and with the asynchronous dispatch, it is as guessed.
#        (The search for a transition goes on after one without a callback, and compares with the new state.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts typescript-fsm@1.6.0 >/dev/null
cat >run.js <<'END'
const { t, StateMachine, SyncStateMachine } = require('typescript-fsm');
const logger = { error: (text) => console.log('  logged:', text) };
const forward = [['queued', 'running'], ['running', 'done']];
const tables = { forward, backward: [...forward].reverse(), 'forward, with callbacks': forward };
(async () => {
  for (const [name, lines] of Object.entries(tables)) {
    const call = name.includes('callbacks') ? () => {} : undefined;
    const table = () => lines.map(([from, to]) => t(from, 'next', to, call));
    const sync = new SyncStateMachine('queued', table(), logger);
    const result = sync.syncDispatch('next');
    console.log(`${name}: syncDispatch returned ${result}, now ${sync.getState()}`);
    const async = new StateMachine('queued', table(), logger);
    await async.dispatch('next');
    console.log(`${name}: after dispatch ${async.getState()}`);
  }
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
  logged: No transition: from done event next
forward: syncDispatch returned false, now done
forward: after dispatch running
  logged: No transition: from running event next
backward: syncDispatch returned false, now running
backward: after dispatch running
forward, with callbacks: syncDispatch returned true, now running
forward, with callbacks: after dispatch running
END
echo "as found: typescript-fsm 1.6.0"
