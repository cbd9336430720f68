#!/usr/bin/env bash
# npm circuit-breaker-js 0.0.1, in node.
#
# Guess: `unforce`, documented to return the circuit to its last unforced state, closes a circuit that was closed before it was
#        forced open and then forced closed. With the documented `volumeThreshold` of 5, "the minimum number of requests
#        needed", five calls that all fail open it.
# Seen:  after forceOpen, forceClose and unforce the circuit is open, though nothing has failed: each force stores the state
#        before it, a forced one too. And five failed calls leave it closed, the sixth opens it: the count must be above the
#        threshold.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	circuit-breaker-js@0.0.1 >/dev/null
cat >run.mjs <<'END'
import CircuitBreaker from 'circuit-breaker-js';

const create = () => new CircuitBreaker({ windowDuration: 600000, volumeThreshold: 5 });
const state = (breaker) => (breaker.isOpen() ? 'open' : 'closed');

for (const forces of [['forceOpen'], ['forceClose'], ['forceOpen', 'forceClose']]) {
  const breaker = create();
  for (const force of forces) breaker[force]();
  const forced = state(breaker);
  breaker.unforce();
  console.log(`${forces.join(', ')}: ${forced}, after unforce ${state(breaker)}`);
}
const breaker = create();
for (let calls = 1; !breaker.isOpen(); calls++) {
  breaker.run((success, failed) => failed());
  if (calls >= 4) console.log(`${calls} calls, all failed: ${state(breaker)}`);
}
process.exit();
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
forceOpen: open, after unforce closed
forceClose: closed, after unforce closed
forceOpen, forceClose: closed, after unforce open
4 calls, all failed: closed
5 calls, all failed: closed
6 calls, all failed: open
END
echo "as found: circuit-breaker-js 0.0.1"
