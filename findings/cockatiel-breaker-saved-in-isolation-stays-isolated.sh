#!/usr/bin/env bash
# npm cockatiel 3.2.1, in node.
#
# Guess: a breaker that was saved with toJSON while somebody held it in isolation, and is created again from that, can be
#        let go: by time, or by an isolate() whose handle is disposed of.
# Seen:  it refuses every call for good. The number of those who hold it is saved too, and their handles are gone; a
#        handle of its own counts on top. What is saved while half-open is changed so that it goes on; this is not.
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
const make = (initialState) => circuitBreaker(handleAll, { halfOpenAfter: 500, breaker: new ConsecutiveBreaker(1), initialState });
for (const [name, prepare] of [
  ['open', (breaker) => breaker.execute(async () => { throw new Error('no answer'); }).catch(() => {})],
  ['isolated', (breaker) => breaker.isolate()],
]) {
  const before = make();
  await prepare(before);
  const breaker = make(JSON.parse(JSON.stringify(before.toJSON())));
  breaker.isolate().dispose();
  await sleep(2000);
  const answer = await breaker.execute(async () => 'the call went through').catch((error) => error.constructor.name);
  console.log(`saved ${name}, created again, isolated and let go, after 4 times halfOpenAfter: ${CircuitState[breaker.state]}, ${answer}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
saved open, created again, isolated and let go, after 4 times halfOpenAfter: Closed, the call went through
saved isolated, created again, isolated and let go, after 4 times halfOpenAfter: Isolated, IsolatedCircuitError
END
echo "as found: cockatiel 3.2.1"
