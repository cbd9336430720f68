#!/usr/bin/env bash
# npm readwrite-lock 1.0.5, async-lock 1.5.0, in node.
#
# Guess: a task that was rejected with "timed out" as it waited for the lock does not run any more, as with async-lock, whose
#        interface this library has.
# Seen:  it runs as soon as the lock is free, long after its caller has the error and may have tried again: one and the same
#        change is made twice. The timer rejects the promise and leaves the task in the queue. `isBusy(['job'])` of a key
#        that is busy says false: it asks for the places in the array instead of the keys.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	readwrite-lock@1.0.5 async-lock@1.5.0 >/dev/null
cat >run.mjs <<'END'
import AsyncLock from 'async-lock';
import ReadwriteLock from 'readwrite-lock';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const round = async (name, acquire, isBusy) => {
  console.log(name);
  let booked = 0;
  const book = async () => { booked++; };
  const holder = acquire(() => pause(1500));
  console.log('  first try:', await acquire(book, { timeout: 100 }).then(() => 'done', (error) => error.message));
  if (isBusy) console.log(`  busy: the key ${isBusy('job')}, an array of it ${isBusy(['job'])}`);
  console.log('  booked so far:', booked);
  await holder;
  console.log('  second try:', await acquire(book).then(() => 'done', (error) => error.message));
  await pause(200);
  console.log('  booked:', booked);
};
const plain = new AsyncLock();
await round('async-lock', (task, options) => plain.acquire('job', task, options));
const lock = new ReadwriteLock();
await round('readwrite-lock', (task, options) => lock.acquireWrite('job', task, options), (key) => lock.isBusy(key));
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
async-lock
  first try: async-lock timed out in queue job
  booked so far: 0
  second try: done
  booked: 1
readwrite-lock
  first try: readwrite-lock timed out
  busy: the key true, an array of it false
  booked so far: 0
  second try: done
  booked: 2
END
echo "as found: readwrite-lock 1.0.5, async-lock 1.5.0"
