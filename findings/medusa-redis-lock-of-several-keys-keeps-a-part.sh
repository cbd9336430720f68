#!/usr/bin/env bash
# npm @medusajs/locking-redis 2.21.2, ioredis 5.8.2, and redis-server 7.0.15 of Debian 12. For Medusa's framework, which
# the module takes its errors and promiseAll from, there is a stand-in of a few lines.
#
# Guess: acquire or execute for two keys of which another owner has one fails and leaves the other key free, as the
#        comment at the timeout of execute says.
# Seen:  the other key stays locked: for the whole expiry, 60 s for execute, and without an end for acquire without
#        one. Each key is taken by itself; acquire gives nothing back, and execute only if all keys were got after the
#        timeout: it ignores the case of a key that was not.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null &
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
timeout 100 npm install --silent --no-save --legacy-peer-deps --prefix "$dir" @medusajs/locking-redis@2.21.2 ioredis@5.8.2 >/dev/null
mkdir -p node_modules/@medusajs/framework
cat >node_modules/@medusajs/framework/utils.js <<'END'
exports.promiseAll = async (promises) => {
  const results = await Promise.allSettled(promises);
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
  return results.map(({ value }) => value);
};
exports.MedusaError = class extends Error { constructor(type, message) { super(message); } };
exports.MedusaError.Types = {};
END
cat >run.js <<'END'
const { Redis } = require('ioredis');
const { RedisLockingProvider } = require('./node_modules/@medusajs/locking-redis/dist/services/redis-lock.js');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const redisClient = new Redis({ path: 'redis.sock' });
  const locking = new RedisLockingProvider({ redisClient, logger: console }, {});
  const failed = (error) => error.message;
  await locking.acquire('order-2', { ownerId: 'another', expire: 60 });
  console.log('execute:', await locking.execute(['order-1', 'order-2'], async () => 'done', { timeout: 1 }).catch(failed));
  await sleep(3000);
  const left = await redisClient.ttl('medusa_lock:order-1');
  console.log(`order-1 is locked for more than 30 s: ${left > 30}`);
  console.log('execute for order-1 alone:', await locking.execute('order-1', async () => 'done', { timeout: 1 }).catch(failed));
  console.log('acquire:', await locking.acquire(['order-3', 'order-2'], { ownerId: 'me' }).catch(failed));
  console.log(`time that order-3 is locked for: ${await redisClient.ttl('medusa_lock:order-3')}`);
  process.exit();
})();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
execute: Timed-out acquiring lock.
order-1 is locked for more than 30 s: true
execute for order-1 alone: Timed-out acquiring lock.
acquire: Failed to acquire lock for key "order-2"
time that order-3 is locked for: -1
END
echo "as found: @medusajs/locking-redis 2.21.2"
