#!/usr/bin/env bash
# npm redis-promise-lock 1.0.4, redis 4.7.1 (npm), with a redis-server of Debian 12 (7.0.15).
#
# Guess: a `ttl` of half a second, which the library accepts (any number from 0 on), gives a lock for half a second, or is
#        refused and takes nothing.
# Seen:  `acquireLock` is rejected, and the lock is taken all the same, without a time to live: nobody gets it until somebody
#        deletes it. The key is set first and EXPIRE comes after, which takes whole seconds only; nothing undoes the first.
set -euo pipefail
for command in node npm redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
for try in $(seq 100); do
	[ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ] && break
	sleep 0.1
done
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	redis-promise-lock@1.0.4 redis@4.7.1 >/dev/null
cat >run.js <<'END'
const { createClient } = require('redis');
const { Lock } = require('redis-promise-lock');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const outcome = (call) => call.catch((error) => `rejected, ${error.message}`);
(async () => {
  const client = createClient({ socket: { path: process.argv[2] } });
  await client.connect();
  const lock = new Lock(client, { retryLimit: 2 });
  for (const ttl of [1, 0.5]) {
    console.log(`ttl ${ttl}: ${await outcome(lock.acquireLock(`job ${ttl}`, { ttl }))}`);
    await pause(3000);
    console.log(`  three seconds later: ${await outcome(lock.acquireLock(`job ${ttl}`))}`);
  }
  console.log('  milliseconds to live:', await client.pTTL('redis-promise-lock:job 0.5'));
  await client.quit();
})();
END
timeout 60 node run.js "$dir/redis.sock" | tee seen
diff seen - <<'END'
ttl 1: true
  three seconds later: true
ttl 0.5: rejected, ERR value is not an integer or out of range
  three seconds later: false
  milliseconds to live: -1
END
echo "as found: redis-promise-lock 1.0.4, redis 4.7.1 (npm), Redis 7.0.15"
