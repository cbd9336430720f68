#!/usr/bin/env bash
# npm @redis-kit/lock 0.1.0-3, redis 5.9.0, with a redis-server of Debian 12 (7.0.15).
#
# Guess: a release() that says false, as the server could not carry it out, can be called again, and says true when the
#        lock is free.
# Seen:  the second call says true and sends nothing: the key stays for the rest of its time. isReleased is true after
#        the failed call already, and extend() is refused from then on. The lock is marked as released before the server
#        is asked.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
for _ in $(seq 100); do [ -S "$dir/redis.sock" ] && break; sleep 0.1; done
timeout 200 npm install --silent --no-save --prefix "$dir" @redis-kit/lock@0.1.0-3 redis@5.9.0 >/dev/null
cat >run.mjs <<'END'
import { Redlock } from '@redis-kit/lock';
import { createClient } from 'redis';

const client = await createClient({ socket: { path: process.argv[2] } }).connect();
const redlock = new Redlock([client], { maxRetryAttempts: 0 });
const lock = await redlock.acquire('job', 60000);
// The server refuses to write for a while, as it does when it has lost its replicas.
await client.configSet('min-replicas-to-write', '1');
console.log(`release while the server refuses to write: ${await lock.release()}; isReleased: ${lock.isReleased}`);
await client.configSet('min-replicas-to-write', '0');
console.log(`release again: ${await lock.release()}; extend: ${await lock.extend().catch((error) => error.message)}`);
console.log(`the key is there: ${await client.exists('job') === 1}; another gets the lock: ${await redlock.acquire('job', 60000) !== null}`);
process.exit(0);
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
release while the server refuses to write: false; isReleased: true
release again: true; extend: Cannot extend a released lock
the key is there: true; another gets the lock: false
END
echo "as found: @redis-kit/lock 0.1.0-3"
