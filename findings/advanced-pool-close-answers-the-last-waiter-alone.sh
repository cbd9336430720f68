#!/usr/bin/env bash
# npm advanced-pool 0.3.3, in node.
#
# Guess: close() refuses each request that waits with a CloseError, described as coming "when the pool gets closed".
# Seen:  the last one is refused as many times as there are requests, and the others never hear anything. They are told
#        later, by way of one variable that the loop has set to the last request by then.
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
const pool = new advancedPool.Pool({ min: 1, max: 1, create: (done) => done(null, { lock: 'job' }) });
await new Promise((done) => pool.acquire(done));
const answers = { a: 0, b: 0, c: 0 };
for (const name of Object.keys(answers)) {
  pool.acquire((error) => { if (error?.name === 'CloseError') answers[name]++; });
}
pool.close();
await sleep(2000);
console.log(`refused with CloseError: ${Object.entries(answers).map(([name, times]) => `${name} ${times} times`).join(', ')}`);
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
refused with CloseError: a 0 times, b 0 times, c 3 times
END
echo "as found: advanced-pool 0.3.3"
