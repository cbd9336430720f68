#!/usr/bin/env bash
# npm ioredis 5.11.1 with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: enableAutoPipelining sends the commands of a turn of the event loop together, and in their order: there is one
#        connection, and a command that is called later is carried out later.
# Seen:  commands wait for the end of the turn; a transaction, a pipeline that the program makes itself, INFO, SCRIPT,
#        SELECT and CLIENT do not wait, and are carried out before the commands called ahead of them. A write without
#        await followed by a transaction that gives up the lock is carried out after the lock is given up.
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
for (const enableAutoPipelining of [false, true]) {
  const client = new Redis({ path, enableAutoPipelining });
  console.log(`automatic pipelines: ${enableAutoPipelining}`);
  for (const [name, read] of [
    ['a command', () => client.get('key')],
    ['a script', () => client.eval('return redis.call("GET", KEYS[1])', 1, 'key')],
    ['a transaction', async () => (await client.multi().get('key').exec())[0][1]],
    ['a pipeline', async () => (await client.pipeline().get('key').exec())[0][1]],
  ]) {
    await client.set('key', 'old');
    const [, seen] = await Promise.all([client.set('key', 'new'), read()]);
    console.log(`  ${name} after a write finds the ${seen} value`);
  }
  client.disconnect();
}
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
automatic pipelines: false
  a command after a write finds the new value
  a script after a write finds the new value
  a transaction after a write finds the new value
  a pipeline after a write finds the new value
automatic pipelines: true
  a command after a write finds the new value
  a script after a write finds the new value
  a transaction after a write finds the old value
  a pipeline after a write finds the old value
END
echo "as found: ioredis 5.11.1"
