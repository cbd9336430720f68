#!/usr/bin/env bash
# npm node-state 1.4.4, in node.
#
# Guess: of two goto calls one after the other each enters its state once, or the second alone does.
# Seen:  Enter of the second state runs twice and that of the first never, each time with the data of the second. A
#        handler that acquires something acquires it twice. With sync_goto each runs once. The entry of the first state
#        comes a tick later, and goes to whatever state is the current one by then.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" node-state@1.4.4 >/dev/null
cat >run.mjs <<'END'
import NodeState from 'node-state';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const sync_goto of [false, true]) {
  const log = [];
  const enter = (state) => ({ Enter: (data) => log.push(`${state} with ${data}`) });
  class Machine extends NodeState {}
  Machine.prototype.states = { Idle: enter('Idle'), Preparing: enter('Preparing'), Working: enter('Working') };
  const machine = new Machine({ sync_goto, initial_data: 'nothing' });
  machine.start();
  await sleep(200);
  machine.goto('Preparing', 'a plan');
  machine.goto('Working', 'a job');
  await sleep(200);
  console.log(`sync_goto ${sync_goto}: entered ${log.join(', ')}; in ${machine.current_state_name}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
sync_goto false: entered Idle with nothing, Working with a job, Working with a job; in Working
sync_goto true: entered Idle with nothing, Preparing with a plan, Working with a job; in Working
END
echo "as found: node-state 1.4.4"
