#!/usr/bin/env bash
# npm node-redisson 1.0.4, ioredis 5.8.2, and redis-server 7.0.15 of Debian 12.
#
# Guess: of two flows of one process that wait for a lock, one with tryLock(500n) gives up after half a second, and the
#        other, with lock(), gets the lock as soon as it is released, as it does alone.
# Seen:  the other gets nothing: the lock is free and it waits on, until the time that the lock had left when it began
#        to wait (20 s here) has passed. The flow that gives up unsubscribes the process's one connection from the
#        lock's channel, whoever else listens there.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null &
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
timeout 80 npm install --silent --no-save --prefix "$dir" node-redisson@1.0.4 ioredis@5.8.2 >/dev/null
cat >run.js <<'END'
const { Redisson } = require('node-redisson');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const redisson = () => new Redisson({ redis: { options: { path: 'redis.sock' } }, lockWatchdogTimeout: 20000n });
(async () => {
  const one = redisson();
  const two = redisson();
  for (const name of ['alone', 'beside one that gives up']) {
    const held = one.getLock(name);
    await held.lock();
    let got = false;
    two.getLock(name).lock().then(() => { got = true; });
    await sleep(500);
    if (name !== 'alone') console.log(`tryLock: ${await two.getLock(name).tryLock(500n)}`);
    await sleep(1000);
    await held.unlock();
    await sleep(6000);
    console.log(`${name}: it has the lock 6 s after the release: ${got}, the lock is taken: ${await held.isLocked()}`);
  }
  process.exit();
})();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
alone: it has the lock 6 s after the release: true, the lock is taken: true
tryLock: false
beside one that gives up: it has the lock 6 s after the release: false, the lock is taken: false
END
echo "as found: node-redisson 1.0.4"
