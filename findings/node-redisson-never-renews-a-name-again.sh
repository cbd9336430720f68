#!/usr/bin/env bash
# npm node-redisson 1.0.4, ioredis 5.8.2, and redis-server 7.0.15 of Debian 12.
#
# Guess: a renewal that Redis refuses is tried again, or the lock runs out; a lock of that name that is taken later is
#        renewed like any other.
# Seen:  the lock runs out, and no lock of that name is renewed by this instance any more: each ends after
#        lockWatchdogTimeout while its holder works. The failed renewal starts no timer, but its entry stays in the map
#        of those that are renewed, so that lock() only counts one more there; the unlock() of the lost lock throws
#        before it takes the entry away.
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
let failed;
const refused = new Promise((done) => { failed = done; });
console.error = (error) => failed(`logged: ${String(error).slice(0, 22)}`);
(async () => {
  const redisson = new Redisson({ redis: { options: { path: 'redis.sock' } }, lockWatchdogTimeout: 6000n });
  const holds = async (name, what) => {
    const lock = redisson.getLock(name);
    await lock.lock();
    await sleep(10000);
    console.log(`${what}: still held after 10 s: ${await lock.isLocked()}`);
    await lock.unlock().catch((error) => console.log(`unlock: ${error.message.split('\n')[0]}`));
  };
  await holds('job', 'job, before');
  const lock = redisson.getLock('job');
  await lock.lock();
  // Redis takes no writes for as long as one renewal, as after the loss of a replica.
  await redisson.redis.config('SET', 'min-replicas-to-write', 1);
  console.log(await refused);
  await redisson.redis.config('SET', 'min-replicas-to-write', 0);
  await sleep(10000);
  console.log(`job, after one failed renewal: still held: ${await lock.isLocked()}`);
  await lock.unlock().catch((error) => console.log(`unlock: ${error.message.split('\n')[0]}`));
  await Promise.all([holds('job', 'job, taken again'), sleep(500).then(() => holds('other job', 'other job'))]);
  process.exit();
})();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
job, before: still held after 10 s: true
logged: ReplyError: NOREPLICAS
job, after one failed renewal: still held: false
unlock: attempt to unlock lock, not locked by current client
job, taken again: still held after 10 s: false
unlock: attempt to unlock lock, not locked by current client
other job: still held after 10 s: true
END
echo "as found: node-redisson 1.0.4"
