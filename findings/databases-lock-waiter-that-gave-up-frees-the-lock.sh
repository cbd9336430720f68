#!/usr/bin/env bash
# npm @databases/lock 2.1.0, in node.
#
# Guess: a waiter whose time is up is refused, and changes nothing for the holder and for those who wait behind it.
# Seen:  it frees the lock of the holder. The next one is at work beside the holder, whether it was waiting already or
#        asks later; with createLocksByKey too. The refusal of a waiter is carried out as if the waiter had had the lock:
#        it calls releaseLock before it throws.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @databases/lock@2.1.0 >/dev/null
cat >run.mjs <<'END'
import lock from '@databases/lock';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const [name, withLock] of [
  ['createLock', ((l) => (f) => l.withLock(f))(lock.createLock(500))],
  ['createLocksByKey', ((l) => (f) => l.withLock('job', f))(lock.createLocksByKey({ timeoutMilliseconds: 500 }))],
]) {
  let working = true;
  const holder = withLock(async () => { await sleep(6000); working = false; });
  await withLock(async () => console.log(`${name}: the waiter got the lock`))
    .catch((error) => console.log(`${name}: the waiter: ${error.message}; the holder is at work: ${working}`));
  await withLock(async () => console.log(`${name}: the next one got the lock; the holder is at work: ${working}`))
    .catch((error) => console.log(`${name}: the next one: ${error.message}; the holder is at work: ${working}`));
  await holder;
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
createLock: the waiter: Timed out waiting for lock after 500ms; the holder is at work: true
createLock: the next one got the lock; the holder is at work: true
createLocksByKey: the waiter: Timed out waiting for lock after 500ms; the holder is at work: true
createLocksByKey: the next one got the lock; the holder is at work: true
END
echo "as found: @databases/lock 2.1.0"
