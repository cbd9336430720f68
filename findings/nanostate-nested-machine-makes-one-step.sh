#!/usr/bin/env bash
# npm nanostate 1.2.1, in node.
#
# Guess: a nested machine of nanostate (its "hierarchical" machine, shown with a single state) goes from state to state by
#        its own table.
# Seen:  it makes one step, and the whole machine is stuck: every event that the second state knows raises a TypeError, the
#        one that leaves the nested machine too, and only what its first state knows is still taken. The outer machine
#        takes over the name of the next state, and the nested machine, where the next event is looked up, stays in its first.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" nanostate@1.2.1 >/dev/null
cat >run.js <<'END'
const nanostate = require('nanostate');

const outer = nanostate('idle', { idle: { work: 'working' }, working: { rest: 'idle' } });
const nested = nanostate('halted', {
  halted: { check: 'checking' },
  checking: { repair: 'repairing', skip: 'idle' },
  repairing: { done: 'idle' },
});
outer.event('fault', nested);
function emit(event) {
  let outcome;
  try { outer.emit(event); outcome = 'done'; } catch (error) { outcome = error.constructor.name; }
  console.log(`${event}: ${outcome}, now ${outer.state}, nested machine ${nested.state}`);
}
for (const event of ['work', 'fault', 'check', 'repair', 'skip', 'check']) emit(event);
END
timeout 20 node run.js | tee seen
diff seen - <<'END'
work: done, now working, nested machine halted
fault: done, now halted, nested machine halted
check: done, now checking, nested machine halted
repair: TypeError, now checking, nested machine halted
skip: TypeError, now checking, nested machine halted
check: done, now checking, nested machine halted
END
echo "as found: nanostate 1.2.1"
