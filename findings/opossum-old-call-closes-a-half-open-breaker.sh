#!/usr/bin/env bash
# npm opossum 9.0.0, in node.
#
# Guess: a half-open breaker waits for its test: "the next time the circuit is fired" decides.
# Seen:  a call that began before the breaker opened, and succeeds when it is half-open, closes it without a test; one
#        that fails opens it again. Every success and every failure in that state counts, whenever the call began.
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
const state = (breaker) => (breaker.halfOpen ? 'half-open' : breaker.opened ? 'open' : 'closed');
for (const good of [true, false]) {
  const breaker = new CircuitBreaker((job) => job(), { timeout: false, resetTimeout: 1000, errorThresholdPercentage: 1 });
  let end;
  const old = breaker.fire(() => new Promise((resolve, reject) => { end = good ? resolve : reject; })).catch(() => {});
  await breaker.fire(async () => { throw new Error('no answer'); }).catch(() => {});
  const before = state(breaker);
  for (let i = 0; i < 100 && !breaker.halfOpen; i++) await sleep(100);
  const between = state(breaker);
  end(new Error('too late'));
  await old;
  console.log(`${before}, then ${between}; an old call ${good ? 'succeeds' : 'fails'}: ${state(breaker)}`);
  breaker.shutdown();
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
open, then half-open; an old call succeeds: closed
open, then half-open; an old call fails: open
END
echo "as found: opossum 9.0.0"
