#!/usr/bin/env bash
# npm javascript-state-machine 3.1.0, with its plugin for history.
#
# Guess: historyBack that a lifecycle handler refuses leaves the machine and its history as they were.
# Seen:  the state stays, and the last two states are gone from the history: the next historyBack, when it is
#        allowed again, goes past them, here from D to A. It also leaves the state that it was refused to leave as
#        one to go forward to. (The plugin takes both from its list before it asks for the transition.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts javascript-state-machine@3.1.0 >/dev/null
cat >run.js <<'END'
const StateMachine = require('javascript-state-machine');
const StateMachineHistory = require('javascript-state-machine/lib/history');
for (const refuse of [false, true]) {
  let busy = false;
  const machine = new StateMachine({
    init: 'A',
    transitions: ['AB', 'BC', 'CD'].map(([from, to]) => ({ name: 'step', from, to })),
    methods: { onLeaveState: () => !busy },
    plugins: [new StateMachineHistory()],
  });
  for (let i = 0; i < 3; i++) machine.step();
  if (refuse) {
    busy = true;
    machine.historyBack();
    busy = false;
    console.log(`refused: in ${machine.state}, history ${machine.history}, can go forward: ${machine.canHistoryForward}`);
  }
  machine.historyBack();
  console.log(`back: in ${machine.state}, history ${machine.history}`);
}
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
back: in C, history A,B,C
refused: in D, history A,B, can go forward: true
back: in A, history A
END
echo "as found: javascript-state-machine 3.1.0"
