#!/usr/bin/env bash
# npm opossum 9.0.0, in node.
#
# Guess: with capacity 1 the function runs once at a time: "If the number currently executing function calls is equal to
#        options.capacity, further calls to fire() are rejected until at least one of the current requests completes".
# Seen:  a call that has timed out gives up its place while its function is still at work: with a resource that hangs,
#        as many are at work at once as calls were made. The timer releases the semaphore. Without a timeout it is one.
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
for (const timeout of [300, false]) {
  let atWork = 0, most = 0;
  const work = async () => {
    most = Math.max(most, ++atWork);
    await sleep(8000);
    atWork--;
  };
  const breaker = new CircuitBreaker(work, { capacity: 1, timeout, volumeThreshold: 100 });
  const answers = [];
  for (let i = 0; i < 4; i++) {
    breaker.fire().catch((error) => answers.push(error.code));
    await sleep(1000);
  }
  console.log(`capacity 1, timeout ${timeout}: at work at a time ${most}; refused: ${answers.join(' ')}`);
  breaker.shutdown();
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
capacity 1, timeout 300: at work at a time 4; refused: ETIMEDOUT ETIMEDOUT ETIMEDOUT ETIMEDOUT
capacity 1, timeout false: at work at a time 1; refused: ESEMLOCKED ESEMLOCKED ESEMLOCKED
END
echo "as found: opossum 9.0.0"
