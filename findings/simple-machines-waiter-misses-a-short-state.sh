#!/usr/bin/env bash
# npm simple-machines 0.5.0, in node.
#
# Guess: `waitForChange('started')`, documented to wait for the state to change to one of those named, is fulfilled when the
#        machine changes to it, however soon it goes on.
# Seen:  a state that lasts for less than 50 ms is missed: the wait fails after its 5 s, although the change was made and
#        onStateChange was told of it. The waiter hears of no change; it looks at the current state every 50 ms.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" simple-machines@0.5.0 >/dev/null
cat >run.js <<'END'
const { fsm } = require('./node_modules/simple-machines/dist/index.js');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const allowed = { stopped: ['starting'], starting: ['started'], started: ['stopping'], stopping: ['stopped'] };

(async () => {
  const heard = [];
  const machine = fsm(allowed, 'starting', { onStateChange: (change) => heard.push(change.to) });
  const waited = machine.waitForChange('started').then(() => 'fulfilled', (error) => `failed, ${error.message}`);
  await pause(200);
  machine.change('started');
  machine.change('stopping');
  console.log(`started and stopped at once: the wait for started ${await waited}`);
  console.log(`onStateChange heard of ${heard.join(' and ')}`);

  const slow = fsm(allowed, 'starting');
  const other = slow.waitForChange('started').then(() => 'fulfilled', (error) => `failed, ${error.message}`);
  await pause(200);
  slow.change('started');
  await pause(1500);
  slow.change('stopping');
  console.log(`started for a while: the wait for started ${await other}`);
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
started and stopped at once: the wait for started failed, Did not complete in 5000 ms
onStateChange heard of started and stopping
started for a while: the wait for started fulfilled
END
echo "as found: simple-machines 0.5.0"
