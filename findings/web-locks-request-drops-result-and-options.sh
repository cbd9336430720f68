#!/usr/bin/env bash
# npm web-locks 0.0.9, Node.js 20.
#
# Guess: this "implementation of the Web Locks API" does with the API's own options what the specification says: `request` is
#        fulfilled with the callback's result, shared requests hold the lock together, `ifAvailable` calls back with null at
#        once, and a request that was aborted in the queue does not run.
# Seen:  the result is dropped, shared requests run one by one, `ifAvailable` waits for its turn, and a request with a signal
#        of the library's own AbortController is rejected with a TypeError and runs all the same when the lock is free. The
#        mode is stored and never looked at, and the signal is asked for `on`, after the callback has been queued.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	web-locks@0.0.9 >/dev/null
cat >run.mjs <<'END'
import webLocks from 'web-locks';

const { locks, AbortController } = webLocks;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

console.log('result:', await locks.request('result', async () => 42));

let readers = 0;
let most = 0;
const read = async () => {
  most = Math.max(most, ++readers);
  await pause(500);
  readers--;
};
await Promise.all([1, 2, 3].map(() => locks.request('shared', { mode: 'shared' }, read)));
console.log('most of three shared ones at once:', most);

let held = true;
locks.request('available', async () => { await pause(1000); held = false; });
await pause(100);
await locks.request('available', { ifAvailable: true }, async (lock) => {
  console.log('ifAvailable:', lock ? 'gets the lock' : 'null', held ? 'while it is held' : 'after a wait');
});

let ran = false;
locks.request('signal', () => pause(1000));
await pause(100);
const controller = new AbortController();
const request = locks.request('signal', { signal: controller.signal }, async () => { ran = true; });
const outcome = request.then(() => 'done', (error) => error.name);
controller.abort();
console.log('aborted:', await outcome);
await pause(2500);
console.log('  has it run?', ran);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
result: undefined
most of three shared ones at once: 1
ifAvailable: gets the lock after a wait
aborted: TypeError
  has it run? true
END
echo "as found: web-locks 0.0.9"
