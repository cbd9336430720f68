#!/usr/bin/env bash
# npm rwlock 5.0.0, Node.js 20.
#
# Guess: a waiter whose `timeout` ends leaves the queue, and the waiter in front of it gets the lock when it is released.
# Seen:  the waiter in front is never called, nobody gets the lock from then on:
#        on a timeout rwlock takes the first of the queue out, not the one that has timed out; this one stays, and
#        as it has given up it neither takes the lock nor makes way. With a single waiter all is well.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" rwlock@5.0.0 >/dev/null
cat >run.mjs <<'END'
import ReadWriteLock from 'rwlock';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const round = async (what, inFront) => {
  const lock = new ReadWriteLock();
  console.log(what);
  const wait = (name, options) => lock.writeLock('job', (release) => { console.log(`  ${name} has the lock`); release(); }, options);
  let release;
  lock.writeLock('job', (done) => { release = done; });
  if (inFront) wait('the first waiter');
  wait('the hasty waiter', { timeout: 100, timeoutCallback: () => console.log('  the hasty waiter gives up') });
  await sleep(500);
  console.log('  the lock is released');
  release();
  await sleep(100);
  wait('a later one');
  await sleep(500);
};
await round('a waiter that gives up, alone', false);
await round('a waiter that gives up, behind another', true);
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
a waiter that gives up, alone
  the hasty waiter gives up
  the lock is released
  a later one has the lock
a waiter that gives up, behind another
  the hasty waiter gives up
  the lock is released
END
echo "as found: rwlock 5.0.0"
