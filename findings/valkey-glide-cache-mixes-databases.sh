#!/usr/bin/env bash
# npm @valkey/valkey-glide 2.5.2 (its core is written in Rust) with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: what a client with a clientSideCache reads is of the database that it has selected, and two clients that share
#        a cache, "multiple clients can share the same cache instance", do not meet if their databases differ.
# Seen:  the entries go by the key alone. After select(1) get has the value of database 0, also by customCommand and
#        with serverAssisted, while exists and a batch ask database 1. Of two clients with a databaseId of their own and
#        one cache, the second reads the first one's holder. A client that writes on that ground writes elsewhere.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @valkey/valkey-glide@2.5.2 >/dev/null
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
redis-server --port "$port" --bind 127.0.0.1 --save '' --daemonize no >/dev/null & server=$!
for _ in $(seq 100); do redis-cli -p "$port" ping >/dev/null 2>&1 && break; sleep 0.1; done
cat >run.mjs <<'END'
import { Batch, ClientSideCache, GlideClient, ProtocolVersion } from '@valkey/valkey-glide';

const connect = (options) => GlideClient.createClient({
  addresses: [{ host: '127.0.0.1', port: Number(process.argv[2]) }], requestTimeout: 5000,
  protocol: ProtocolVersion.RESP3, ...options,
});
const cache = (serverAssisted) => new ClientSideCache({ maxCacheKb: 1024, entryTtlMs: 60000, serverAssisted });
const plain = await connect();
await plain.set('holder', 'a, in database 0');

for (const serverAssisted of [false, true]) {
  const client = await connect({ clientSideCache: cache(serverAssisted) });
  await client.get('holder');
  await client.select(1);
  console.log(`serverAssisted ${serverAssisted}, after select(1): get: ${await client.get('holder')}; ` +
    `customCommand: ${await client.customCommand(['GET', 'holder'])}; ` +
    `exists: ${await client.exists(['holder'])}; batch: ${(await client.exec(new Batch(false).get('holder'), true))[0] ?? 'nobody'}`);
}

const shared = cache(false);
const zero = await connect({ clientSideCache: shared });
const two = await connect({ clientSideCache: shared, databaseId: 2 });
await two.set('holder', 'b, in database 2');
console.log('shared, the client of database 0:', await zero.get('holder'));
console.log('shared, the client of database 2:', await two.get('holder'));
process.exit(0);
END
timeout 60 node run.mjs "$port" 2>err | tee seen || { tail -20 err; exit 1; }
diff seen - <<'END'
serverAssisted false, after select(1): get: a, in database 0; customCommand: a, in database 0; exists: 0; batch: nobody
serverAssisted true, after select(1): get: a, in database 0; customCommand: a, in database 0; exists: 0; batch: nobody
shared, the client of database 0: a, in database 0
shared, the client of database 2: a, in database 0
END
echo "as found: @valkey/valkey-glide 2.5.2, redis-server 7.0.15"
