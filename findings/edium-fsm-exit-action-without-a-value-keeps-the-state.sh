#!/usr/bin/env bash
# npm @edium/fsm 2.1.5.
#
# Guess: an exit action cancels a transition when it returns false, as the README says: one that only notes
#        something lets it pass, and one that returns false keeps the state whatever else is there.
# Seen:  an exit action without a return value cancels every transition of its state, and trigger says nothing. And
#        an exit action of the machine overrules that of the state: false of the state does not count. (The result
#        is taken as true or false as it is, and the second action overwrites that of the first.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts @edium/fsm@2.1.5 >/dev/null
cat >run.js <<'END'
const { StateMachine } = require('@edium/fsm');
const show = { 'no value': () => {}, false: () => false, true: () => true };
for (const [ofState, stateAction] of Object.entries(show)) {
  for (const [ofMachine, machineAction] of Object.entries({ none: undefined, ...show })) {
    const machine = new StateMachine('job', {}, undefined, machineAction);
    const held = machine.createState('held', false, undefined, stateAction);
    held.addTransition('release', machine.createState('free'));
    machine.start(held);
    machine.trigger('release');
    console.log(`exit action of the state: ${ofState}, of the machine: ${ofMachine}, now ${machine.currentState.name}`);
  }
}
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
exit action of the state: no value, of the machine: none, now held
exit action of the state: no value, of the machine: no value, now held
exit action of the state: no value, of the machine: false, now held
exit action of the state: no value, of the machine: true, now free
exit action of the state: false, of the machine: none, now held
exit action of the state: false, of the machine: no value, now held
exit action of the state: false, of the machine: false, now held
exit action of the state: false, of the machine: true, now free
exit action of the state: true, of the machine: none, now free
exit action of the state: true, of the machine: no value, now held
exit action of the state: true, of the machine: false, now held
exit action of the state: true, of the machine: true, now free
END
echo "as found: @edium/fsm 2.1.5"
