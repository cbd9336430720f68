#!/usr/bin/env bash
# npm ioredis 5.11.1 with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: if the connection is lost between WATCH and EXEC, so that the server forgets what is watched, ioredis lets the
#        transaction fail, as node-redis does with "Client reconnected after WATCH".
# Seen:  it connects again without a word and carries the transaction out, over what another has written since. A
#        compare-and-set or a release "if it is still mine" by WATCH then happens in spite of its guard.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
npm install --silent --no-save ioredis@5.11.1 >/dev/null
cat >run.mjs <<'END'
import Redis from 'ioredis';

const [path] = process.argv.slice(2);
const client = new Redis({ path }), other = new Redis({ path });
for (const cut of [false, true]) {
  await other.set('lock', 'mine');
  await client.watch('lock');
  const id = await client.client('ID');
  console.log(`connection lost: ${cut}, value before: ${await client.get('lock')}`);
  if (cut) await other.client('KILL', 'ID', id);
  await other.set('lock', 'of another');
  const result = await client.multi().del('lock').exec();
  console.log(`  transaction: ${JSON.stringify(result)}, value after: ${await other.get('lock')}`);
}
client.disconnect();
other.disconnect();
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
connection lost: false, value before: mine
  transaction: null, value after: of another
connection lost: true, value before: mine
  transaction: [[null,1]], value after: null
END
echo "as found: ioredis 5.11.1"
