#!/usr/bin/env bash
# npm sol-redis-pool 0.3.3, redis 2.8.0 (npm), with a redis-server of Debian 12 (7.0.15).
#
# Guess: `acquireDb(callback, 1)` gives a client in database 1, each time.
# Seen:  the second time the same client comes, it is in database 0: a lock that was set in database 1 is not there, and is got
#        by a second one. `release` selects the default database and leaves the client's note of database 1, by which the
#        next `acquireDb` of database 1 has nothing to select.
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
	sol-redis-pool@0.3.3 redis@2.8.0 >/dev/null
cat >run.js <<'END'
const createPool = require('sol-redis-pool');
const pool = createPool({ path: process.argv[2] }, { min: 1, max: 1 });
const lock = (db) => new Promise((done, failed) => {
  pool.acquireDb((error, client) => {
    if (error) return failed(error);
    client.set('lock', 'held', 'NX', (refused, answer) => {
      pool.release(client);
      return refused ? failed(refused) : done(answer === 'OK');
    });
  }, db);
});
(async () => {
  for (const name of ['first', 'second', 'third']) {
    console.log(`the ${name} gets the lock of database 1: ${await lock(1)}`);
  }
  process.exit();
})();
END
timeout 60 node run.js "$dir/redis.sock" | tee seen
for db in 0 1; do
	echo "database $db: $(redis-cli -s "$dir/redis.sock" -n "$db" exists lock) lock"
done | tee -a seen
diff seen - <<'END'
the first gets the lock of database 1: true
the second gets the lock of database 1: true
the third gets the lock of database 1: false
database 0: 1 lock
database 1: 1 lock
END
echo "as found: sol-redis-pool 0.3.3, redis 2.8.0 (npm), Redis 7.0.15"
