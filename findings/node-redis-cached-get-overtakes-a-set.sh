#!/usr/bin/env bash
# npm redis (node-redis) 6.3.1 with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: with clientSideCache a client still finds what it has written: the calls of one client are carried out in their
#        order, as without a cache.
# Seen:  a GET that is called after a SET, before the answer of the SET, is answered from the cache at once, with the
#        value that the SET replaces. It is the same if the SET is within a transaction or a script.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
npm install --silent --no-save redis@6.3.1 >/dev/null
cat >run.mjs <<'END'
import { createClient } from 'redis';

const [path] = process.argv.slice(2);
for (const clientSideCache of [undefined, { ttl: 0, maxEntries: 100 }]) {
  const client = await createClient({ socket: { path }, RESP: 3, clientSideCache }).connect();
  console.log(`client-side cache: ${clientSideCache !== undefined}`);
  for (const [name, write] of [
    ['SET', () => client.set('lock', 'mine')],
    ['transaction', () => client.multi().set('lock', 'mine').exec()],
    ['script', () => client.eval("return redis.call('SET', KEYS[1], 'mine')", { keys: ['lock'] })],
  ]) {
    await client.del('lock');
    await client.get('lock');
    const [, seen] = await Promise.all([write(), client.get('lock')]);
    console.log(`  ${name}, then GET: ${seen}, and later: ${await client.get('lock')}`);
  }
  client.destroy();
}
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
client-side cache: false
  SET, then GET: mine, and later: mine
  transaction, then GET: mine, and later: mine
  script, then GET: mine, and later: mine
client-side cache: true
  SET, then GET: null, and later: mine
  transaction, then GET: null, and later: mine
  script, then GET: null, and later: mine
END
echo "as found: redis 6.3.1"
