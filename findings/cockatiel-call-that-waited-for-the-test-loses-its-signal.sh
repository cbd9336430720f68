#!/usr/bin/env bash
# npm cockatiel 3.2.1, in node.
#
# Guess: a function that a circuit breaker runs has the signal of its call: "any propagated signal will be given as the
#        first argument to fn", whatever state the breaker was in.
# Seen:  a call that came while the test of a half-open breaker was running runs with a signal that never aborts: it
#        works on after its caller has given up. The call is repeated after the test without its signal.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" cockatiel@3.2.1 >/dev/null
cat >run.mjs <<'END'
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const breaker = circuitBreaker(handleAll, { halfOpenAfter: 500, breaker: new ConsecutiveBreaker(1) });
const call = (name) => {
  const controller = new AbortController();
  const running = breaker.execute(async ({ signal }) => {
    for (let i = 0; i < 30; i++) {
      if (signal.aborted) return `${name}: stopped by its signal`;
      await sleep(100);
    }
    return `${name}: worked to its end`;
  }, controller.signal);
  return { controller, running };
};
await breaker.execute(async () => { throw new Error('no answer'); }).catch(() => {});
await sleep(1500);
const test = breaker.execute(() => sleep(1000));
const waited = call('a call made during the test');
await test;
await sleep(500);
const later = call('a call made after the test');
await sleep(500);
console.log(`state: ${CircuitState[breaker.state]}; both are aborted`);
waited.controller.abort();
later.controller.abort();
console.log(await waited.running);
console.log(await later.running);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
state: Closed; both are aborted
a call made during the test: worked to its end
a call made after the test: stopped by its signal
END
echo "as found: cockatiel 3.2.1"
