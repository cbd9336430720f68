#!/usr/bin/env bash
# npm cockatiel 3.2.1, in node.
#
# Guess: in the half-open state the test alone decides: it succeeds, and the circuit breaker closes.
# Seen:  a call that began before the breaker opened, and fails during the test, opens it again, and the success of the
#        test closes nothing: calls are refused for another halfOpenAfter although the newest answer was good. A call
#        is counted by the state in which it began, and acts on the state that is there when it ends.
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
for (const late of [false, true]) {
  const breaker = circuitBreaker(handleAll, { halfOpenAfter: 1000, breaker: new ConsecutiveBreaker(1) });
  let fail = () => {};
  const old = late ? breaker.execute(() => new Promise((_, reject) => { fail = () => reject(new Error('too late')); })).catch(() => {}) : undefined;
  await breaker.execute(async () => { throw new Error('no answer'); }).catch(() => {});
  await sleep(2000);
  let succeed;
  const test = breaker.execute(() => new Promise((resolve) => { succeed = () => resolve('good'); }));
  fail();
  await old;
  succeed();
  const answer = await test;
  console.log(`an old call fails during the test: ${late}; the test: ${answer}; the breaker: ${CircuitState[breaker.state]}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
an old call fails during the test: false; the test: good; the breaker: Closed
an old call fails during the test: true; the test: good; the breaker: Open
END
echo "as found: cockatiel 3.2.1"
