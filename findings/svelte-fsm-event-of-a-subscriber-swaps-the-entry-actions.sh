#!/usr/bin/env bash
# npm svelte-fsm 1.2.0, in node.
#
# Guess: an event that a subscriber sends as it hears of a new state is handled after the transition, or at least each
#        state that is entered has its _enter called once, before its _exit.
# Seen:  the state of which it heard has its _exit called and never its _enter, and the state after it has its _enter
#        called twice, the second time with the other's name in "to". Subscribers behind hear the last state twice and the
#        one between never. Subscribers are told before _enter is called, and _enter is looked up by the state at that moment.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" svelte-fsm@1.2.0 >/dev/null
cat >run.mjs <<'END'
import fsm from 'svelte-fsm';

const log = [];
const told = [];
const state = (name, events) => ({
  ...events,
  _enter({ to }) { log.push(`enter of ${name} (to ${to})`); },
  _exit() { log.push(`exit of ${name}`); },
});
const machine = fsm('idle', {
  idle: state('idle', { start: 'running' }),
  running: state('running', { fail: 'failed' }),
  failed: state('failed', {}),
});
machine.subscribe((now) => { if (now === 'running') machine.fail(); });
machine.subscribe((now) => told.push(now));
machine.start();
console.log(log.join(', '));
console.log(`the second subscriber was told: ${told.join(', ')}`);
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
enter of idle (to idle), exit of idle, exit of running, enter of failed (to failed), enter of failed (to running)
the second subscriber was told: idle, failed, failed
END
echo "as found: svelte-fsm 1.2.0"
