#!/usr/bin/env bash
# npm advanced-pool 0.3.3, in node.
#
# Guess: with a TimedQueue, a request that waits for a busy object is given up after defaultTimeout.
# Seen:  it is given up at the next check, a second later at most, whatever defaultTimeout is; the same time given with
#        the request holds. The default is put down as the moment of the end, not added to the time of the request.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" advanced-pool@0.3.3 >/dev/null
cat >run.mjs <<'END'
import advancedPool from 'advanced-pool';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const minutes = 10 * 60 * 1000;
for (const [name, options, own] of [
  ['ten minutes by default', { defaultTimeout: minutes }, undefined],
  ['ten minutes of its own', {}, minutes],
]) {
  const pool = new advancedPool.Pool({
    min: 1, max: 1, create: (done) => done(null, { lock: 'job' }), queue: new advancedPool.TimedQueue(options),
  });
  await new Promise((done) => pool.acquire(done));
  let answer = 'waits';
  pool.acquire((error) => { answer = `is refused: ${error?.message}`; }, own);
  await sleep(6000);
  console.log(`a request with ${name}, after 6 s: ${answer}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
a request with ten minutes by default, after 6 s: is refused: Resource request timeout
a request with ten minutes of its own, after 6 s: waits
END
echo "as found: advanced-pool 0.3.3"
