#!/usr/bin/env bash
# npm opossum 9.0.0, in node.
#
# Guess: a breaker that has just opened and is created again from toJSON, the way described for containers that come and
#        go, stays open for resetTimeout.
# Seen:  if the breaker was created longer than resetTimeout ago, the new one is half-open at once and lets the next
#        call through. lastTimerAt of the saved state is the moment when the breaker was created, not the one when it
#        opened: it is written as the listener is made.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" opossum@9.0.0 >/dev/null
cat >run.mjs <<'END'
import CircuitBreaker from 'opossum';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const age of [0, 12]) {
  let calls = 0;
  const make = (state) => new CircuitBreaker(async () => { calls++; throw new Error('no answer'); }, { resetTimeout: 10000, state });
  const before = make();
  await sleep(age * 1000);
  await before.fire().catch(() => {});
  const { state } = JSON.parse(JSON.stringify(before.toJSON()));
  const breaker = make(state);
  const states = `open ${breaker.opened}, half-open ${breaker.halfOpen}`;
  const answer = await breaker.fire().catch((error) => error.message);
  console.log(`resetTimeout 10 s, opened ${age} s after it was created, and saved at once: created again it is ${states}; ` +
    `the next call: ${answer}; calls: ${calls}`);
  before.shutdown();
  breaker.shutdown();
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
resetTimeout 10 s, opened 0 s after it was created, and saved at once: created again it is open true, half-open false; the next call: Breaker is open; calls: 1
resetTimeout 10 s, opened 12 s after it was created, and saved at once: created again it is open false, half-open true; the next call: no answer; calls: 2
END
echo "as found: opossum 9.0.0"
