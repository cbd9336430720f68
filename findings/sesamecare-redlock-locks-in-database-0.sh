#!/usr/bin/env bash
# npm @sesamecare-oss/redlock 1.4.0, redlock 5.0.0-beta.2, ioredis 5.8.2, with a redis-server of Debian 12 (7.0.15).
#
# Guess: the lock is in the database that the client was made with, as with redlock, of which it is a continuation
#        with the same interface.
# Seen:  each of its scripts selects database 0 first, unless the option db of Redlock names another. While the one
#        takes the place of the other in a fleet, an old and a new process hold the same lock; and two programs
#        that are kept apart by their databases lock each other out.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
timeout 90 npm install --silent --no-save --prefix "$dir" @sesamecare-oss/redlock@1.4.0 redlock@5.0.0-beta.2 ioredis@5.8.2 >/dev/null
cat >run.js <<'END'
const { Redis } = require('ioredis');
const make = { redlock: require('redlock').default, '@sesamecare-oss/redlock': require('@sesamecare-oss/redlock').Redlock };
(async () => {
  const client = (db) => new Redis({ path: process.argv[2], db });
  const clients = [];
  for (const [name, db] of [['redlock', 3], ['@sesamecare-oss/redlock', 3], ['@sesamecare-oss/redlock', 4]]) {
    const c = client(db);
    clients.push(c);
    const got = await new make[name]([c], { retryCount: 0 }).acquire(['job'], 60000).then(() => true, () => false);
    const found = [];
    for (const n of [0, 3, 4]) {
      const look = client(n);
      if (await look.exists('job')) found.push(n);
      look.disconnect();
    }
    console.log(`${name}, client of database ${db}: got it: ${got}, locked in databases ${found.join(', ')}`);
  }
  clients.forEach((c) => c.disconnect());
})();
END
timeout 30 node run.js "$dir/redis.sock" | tee seen
diff seen - <<'END'
redlock, client of database 3: got it: true, locked in databases 3
@sesamecare-oss/redlock, client of database 3: got it: true, locked in databases 0, 3
@sesamecare-oss/redlock, client of database 4: got it: false, locked in databases 0, 3
END
echo "as found: @sesamecare-oss/redlock 1.4.0"
