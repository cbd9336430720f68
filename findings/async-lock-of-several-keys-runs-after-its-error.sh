#!/usr/bin/env bash
# npm async-lock 1.5.0, Node.js 20.
#
# Guess: `acquire(['a', 'b'], job)` with `maxExecutionTime`, "allowed between acquiring the lock and completing
#        execution", measures the job. If `acquire` is rejected with that error before the job has begun, it never runs.
# Seen:  the wait for b counts as execution of a: `acquire` is rejected and a is free while the job still waits for b.
#        When b is free the job runs all the same, beside the next holder of a. Several keys are nested calls of
#        `acquire`, each with the limit of its own, and the outer one that is rejected leaves the inner one in the queue.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" async-lock@1.5.0 >/dev/null
cat >run.mjs <<'END'
import AsyncLock from 'async-lock';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const lock = new AsyncLock();
const holder = lock.acquire('b', async () => {
  console.log('b is held');
  await sleep(1500);
  console.log('b is given back');
});
await lock.acquire(['a', 'b'], async () => console.log('the job of a and b runs'), { maxExecutionTime: 500 })
  .catch((error) => console.log('a and b:', error.message));
await Promise.all([holder, lock.acquire('a', async () => {
  console.log('another has a');
  await sleep(3000);
  console.log('the other gives a back');
})]);
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
b is held
a and b: Maximum execution time is exceeded a
another has a
b is given back
the job of a and b runs
the other gives a back
END
echo "as found: async-lock 1.5.0"
