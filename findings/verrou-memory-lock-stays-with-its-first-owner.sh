#!/usr/bin/env bash
# npm @verrou/core 0.5.2, ioredis 5.8.2, with a redis-server of Debian 12 (7.0.15).
#
# Guess: when a lock has expired and another has acquired it, that one can extend and release it, and the first one's release
#        is refused, with the memory store as with the Redis store ("a consistent API").
# Seen:  with the memory store it is the other way about: the holder's `extend` and `release` are refused as not its own, and
#        the release of the one that has lost it frees the lock, so that a third gets it beside the holder. The same holds
#        after `forceRelease`. The entry of a key keeps the owner that it was made with; later holders are not written down.
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
	@verrou/core@0.5.2 ioredis@5.8.2 >/dev/null
cat >run.mjs <<'END'
import { Verrou } from '@verrou/core';
import { memoryStore } from '@verrou/core/drivers/memory';
import { redisStore } from '@verrou/core/drivers/redis';
import { Redis } from 'ioredis';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const outcome = (call) => call.then(() => 'done', (error) => `refused, ${error.code}`);
const connection = new Redis({ path: process.argv[2] });
const verrou = new Verrou({
  default: 'memory',
  stores: { memory: { driver: memoryStore() }, redis: { driver: redisStore({ connection }) } },
});
for (const store of ['redis', 'memory']) {
  console.log(`${store} store`);
  const lock = (ttl) => verrou.use(store).createLock('job', ttl);
  const [first, second, third] = [lock(500), lock(60000), lock(60000)];
  console.log('  first acquires:', await first.acquireImmediately());
  await pause(1500);
  console.log('  it has expired, second acquires:', await second.acquireImmediately());
  console.log('  second extends:', await outcome(second.extend()));
  console.log('  first releases:', await outcome(first.release()));
  console.log('  third acquires:', await third.acquireImmediately());
}
connection.disconnect();
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
redis store
  first acquires: true
  it has expired, second acquires: true
  second extends: done
  first releases: refused, E_LOCK_NOT_OWNED
  third acquires: false
memory store
  first acquires: true
  it has expired, second acquires: true
  second extends: refused, E_LOCK_NOT_OWNED
  first releases: done
  third acquires: true
END
echo "as found: @verrou/core 0.5.2, ioredis 5.8.2, Redis 7.0.15"
