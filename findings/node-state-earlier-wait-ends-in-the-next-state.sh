#!/usr/bin/env bash
# npm node-state 1.4.4, in node.
#
# Guess: a second wait() of a state replaces the first, or comes beside it, and both end when the state is left, as one
#        wait does. unwait "cancels the current wait operation".
# Seen:  the first goes on after the state was left, and comes as WaitTimeout of the next state, long before that one's
#        own; unwait and stop end the second alone. Only the last timer is remembered.
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
for (const waits of [[2000], [2000, 4000]]) {
  const log = [];
  class Machine extends NodeState {}
  Machine.prototype.states = {
    Waiting: { Enter() { waits.forEach((ms) => this.wait(ms)); }, WaitTimeout: () => log.push('Waiting') },
    Working: { Enter() { this.wait(60000); }, WaitTimeout: (ms) => log.push(`Working, of ${ms} ms`) },
  };
  const machine = new Machine({ sync_goto: true });
  machine.start();
  machine.goto('Working');
  await sleep(6000);
  console.log(`waits of ${waits.join(' and ')} ms, left at once; in the next state with a wait of 60000 ms, ` +
    `timed out after 6 s: ${log.join(', ') || 'nothing'}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
waits of 2000 ms, left at once; in the next state with a wait of 60000 ms, timed out after 6 s: nothing
waits of 2000 and 4000 ms, left at once; in the next state with a wait of 60000 ms, timed out after 6 s: Working, of 2000 ms
END
echo "as found: node-state 1.4.4"
