#!/usr/bin/env bash
# npm jssm 5.164.0.
#
# Guess: override to another state ends the timer of the state that it leaves, as a transition does, and starts that
#        of the state that it enters.
# Seen:  neither. The timer goes on, and when it fires in the state that was set, it makes the transition of its
#        own target if there is one from there: a job that was set to "running" is "expired" by the time of
#        "waiting". A state with a timer that is entered by override has no timer. (The timer asks only whether its
#        target can be reached from where the machine is, and override touches no timers.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts jssm@5.164.0 >/dev/null
cat >run.mjs <<'END'
import { sm } from 'jssm';
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const job = () => sm`
  allows_override: true;
  idle 'wait' -> waiting;
  waiting after 1s -> expired;
  waiting 'go' -> running;
  running 'abort' -> expired;
`;
const ways = {
  'action to running': (machine) => { machine.action('wait'); machine.action('go'); },
  'override to running': (machine) => { machine.action('wait'); machine.override('running'); },
  'action to waiting': (machine) => machine.action('wait'),
  'override to waiting': (machine) => machine.override('waiting'),
};
const machines = Object.entries(ways).map(([way, act]) => {
  const machine = job();
  act(machine);
  return [way, machine, machine.state()];
});
await sleep(4000);
for (const [way, machine, then] of machines) console.log(`${way}: ${then}, later ${machine.state()}`);
END
timeout 30 node run.mjs | tee seen
diff seen - <<'END'
action to running: running, later running
override to running: running, later expired
action to waiting: waiting, later expired
override to waiting: waiting, later waiting
END
echo "as found: jssm 5.164.0"
