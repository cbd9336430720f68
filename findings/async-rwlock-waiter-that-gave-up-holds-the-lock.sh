#!/usr/bin/env bash
# npm async-rwlock 1.1.1, Node.js 20.
#
# Guess: a `writeLock` or `readLock` that was rejected with ErrTimeout is out: the lock goes to the next who waits, or is
#        free.
# Seen:  the rejected one stays in the queue and is given the lock when its turn comes. The state says Writing or Reading
#        and nobody holds the lock, so nobody unlocks it, and no writer comes in any more. The entry in the queue
#        does nothing if it was rejected, but the lock has been made over to it, or it counts as a reader, by then.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" async-rwlock@1.1.1 >/dev/null
cat >run.mjs <<'END'
import rwlock from 'async-rwlock';

const { RWLock, State } = rwlock;
const outcome = (call) => call.then(() => 'done', (error) => error.message);
const round = async (what, giveUp) => {
  console.log(what);
  const lock = new RWLock();
  await lock.writeLock();
  if (giveUp) console.log('  waiter:', await outcome(giveUp(lock)));
  lock.unlock();
  console.log('  unlocked, the state is', State[lock.getState()]);
  console.log('  the next writer:', await outcome(lock.writeLock(500)));
};
await round('no one waits', null);
await round('a writer gives up', (lock) => lock.writeLock(100));
await round('a reader gives up', (lock) => lock.readLock(100));
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
no one waits
  unlocked, the state is Idle
  the next writer: done
a writer gives up
  waiter: acquire lock timeout
  unlocked, the state is Writing
  the next writer: acquire lock timeout
a reader gives up
  waiter: acquire lock timeout
  unlocked, the state is Reading
  the next writer: acquire lock timeout
END
echo "as found: async-rwlock 1.1.1"
