#!/usr/bin/env bash
# npm async-lock 1.5.0, Node.js 20.
#
# Guess: with `maxExecutionTime`, a job that takes too long is rejected and the next one gets the lock. What the late job
#        does after that has no effect on the lock: the later ones, all in time, come one after the other.
# Seen:  when the late job ends, the lock passes on once more, and the third job runs beside the second. async-lock calls
#        the same function for the limit and for the end of a job, and both times it starts the next in the queue.
#        `maxOccupationTime` rejects as well, but keeps the lock until the job has ended: no two are at work.
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
const round = async (option) => {
  console.log(option);
  const lock = new AsyncLock({});
  const job = (name, ms, options) => lock.acquire('job', async () => {
    console.log(`  ${name} begins`);
    await sleep(ms);
    console.log(`  ${name} ends`);
  }, options).catch((error) => console.log(`  ${name}: ${error.message}`));
  await Promise.all([job('late', 1500, { [option]: 500 }), job('second', 3000), job('third', 3000)]);
  await lock.acquire('job', () => sleep(0));
};
await round('maxExecutionTime');
await round('maxOccupationTime');
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
maxExecutionTime
  late begins
  second begins
  late: Maximum execution time is exceeded job
  late ends
  third begins
  second ends
  third ends
maxOccupationTime
  late begins
  late: Maximum occupation time is exceeded in queue job
  late ends
  second begins
  second ends
  third begins
  third ends
END
echo "as found: async-lock 1.5.0"
