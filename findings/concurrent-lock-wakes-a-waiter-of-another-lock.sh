#!/usr/bin/env bash
# npm concurrent-lock 1.0.7, in node.
#
# Guess: two objects of its Lock are two locks, and a waiter whose `lock(timeout)` was rejected is out of the queue.
# Seen:  an `unlock` of one lock lets in who waits for another, beside that one's holder, and its own waiter goes on waiting
#        with the lock free. The `unlock` after a rejected waiter wakes that one, so that the next in the queue waits for ever.
#        All locks of the process have one queue, and whoever times out stays in it.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	concurrent-lock@1.0.7 >/dev/null
cat >run.mjs <<'END'
import concurrentLock from 'concurrent-lock';

const Lock = concurrentLock.default;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const waiter = (lock) => {
  const seen = { in: false };
  lock.lock().then(() => { seen.in = true; });
  return seen;
};

console.log('one lock alone');
const lock = new Lock(1);
await lock.lock();
const next = waiter(lock);
await pause(100);
console.log('  before the unlock the waiter is in:', next.in);
lock.unlock();
await pause(100);
console.log('  after the unlock the waiter is in:', next.in);
lock.unlock();

console.log('two locks');
const orders = new Lock(1);
const mails = new Lock(1);
await orders.lock();
await mails.lock();
const waitsForMails = waiter(mails);
const waitsForOrders = waiter(orders);
orders.unlock();
await pause(300);
console.log('  orders is unlocked: its waiter is in:', waitsForOrders.in, 'and it is locked:', orders.isLocked());
console.log('  mails is held: its waiter is in:', waitsForMails.in);
mails.unlock();
mails.unlock();
await pause(100);

console.log('a waiter that gave up');
const third = new Lock(1);
await third.lock();
console.log('  the first waiter:', await third.lock(100).catch((error) => error.message));
const second = waiter(third);
third.unlock();
await pause(500);
console.log('  unlocked: the second waiter is in:', second.in, 'and it is locked:', third.isLocked());
process.exit();
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
one lock alone
  before the unlock the waiter is in: false
  after the unlock the waiter is in: true
two locks
  orders is unlocked: its waiter is in: false and it is locked: false
  mails is held: its waiter is in: true
a waiter that gave up
  the first waiter: Timeout
  unlocked: the second waiter is in: false and it is locked: false
END
echo "as found: concurrent-lock 1.0.7"
