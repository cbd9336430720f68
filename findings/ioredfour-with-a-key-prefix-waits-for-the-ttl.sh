#!/usr/bin/env bash
# npm ioredfour 1.4.3, ioredis 5.11.1, with a redis-server of Debian 12 (7.0.15).
#
# Guess: waitAcquireLock is woken when the lock is released, also with a connection that has a keyPrefix of ioredis.
# Seen:  with a keyPrefix it waits until the time to live of the released lock would have ended. The release script
#        publishes the name of the key as the server has it, with the prefix, and the waiter listens for the name
#        without it.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
for _ in $(seq 100); do [ -S "$dir/redis.sock" ] && break; sleep 0.1; done
timeout 200 npm install --silent --no-save --prefix "$dir" ioredfour@1.4.3 ioredis@5.11.1 >/dev/null
cat >run.mjs <<'END'
import Lock from 'ioredfour';
import Redis from 'ioredis';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const keyPrefix of ['', 'app:']) {
  const make = () => new Lock({ redis: new Redis({ path: process.argv[2], keyPrefix }), namespace: `lock${keyPrefix.length}` });
  const [a, b] = [make(), make()];
  await sleep(1000);
  const lock = await a.acquireLock('job', 20000);
  const begin = Date.now();
  const waiter = b.waitAcquireLock('job', 1000, 60000);
  await sleep(1000);
  const { result } = await a.releaseLock(lock);
  const { success } = await waiter;
  console.log(`keyPrefix "${keyPrefix}": ${result} after 1 s of 20 s; the waiter has it: ${success}, ` +
    `only when the 20 s were over: ${Date.now() - begin > 17000}`);
}
process.exit(0);
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
keyPrefix "": released after 1 s of 20 s; the waiter has it: true, only when the 20 s were over: false
keyPrefix "app:": released after 1 s of 20 s; the waiter has it: true, only when the 20 s were over: true
END
echo "as found: ioredfour 1.4.3"
