#!/usr/bin/env bash
# npm @valkey/valkey-glide 2.5.2 (its core is written in Rust) with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: with serverAssisted: true a cached value is dropped when the key changes, also if that happens while the client
#        has no connection: the server forgets its tracking, so the client empties its cache as it connects again.
# Seen:  the cache stays. A change made between the two connections is never heard of, and get goes on naming the former
#        holder until the next change of that key, or for ever with entryTtlMs 0. A key that changes later is dropped,
#        so the tracking itself is on again. Nothing in the reconnection touches the cache.
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
import net from 'node:net';
import { ClientSideCache, GlideClient, ProtocolVersion } from '@valkey/valkey-glide';

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const port = Number(process.argv[2]);
// The client's connection goes by way of this one, which can cut it and let none through.
const through = new Set();
let shut = false;
const way = net.createServer((client) => {
  if (shut) return client.destroy();
  const server = net.connect(port, '127.0.0.1');
  through.add(client);
  for (const [one, other] of [[client, server], [server, client]]) {
    one.pipe(other);
    one.on('error', () => {});
    one.on('close', () => other.destroy());
  }
});
await new Promise((r) => way.listen(0, '127.0.0.1', r));
const connect = (port, options) => GlideClient.createClient({
  addresses: [{ host: '127.0.0.1', port }], requestTimeout: 5000, protocol: ProtocolVersion.RESP3, ...options,
});
const other = await connect(port);
const clientSideCache = new ClientSideCache({ maxCacheKb: 1024, entryTtlMs: 0, serverAssisted: true });
const client = await connect(way.address().port, { clientSideCache, clientName: 'client' });

await other.set('holder', 'a');
await client.get('holder');
await other.set('holder', 'b');
await sleep(1000);
console.log('a change while connected:', await client.get('holder'));

shut = true;
through.forEach((connection) => connection.destroy());
await sleep(500);
await other.set('holder', 'c');
shut = false;
for (let i = 0; i < 200; i++) {
  if ((await other.customCommand(['CLIENT', 'LIST'])).includes('name=client ') && (await client.ping().catch(() => ''))) break;
  await sleep(100);
}
console.log('a change while cut off, connected again since then:', await client.get('holder'));
await sleep(5000);
console.log('five seconds later:', await client.get('holder'), 'where the server has', await other.get('holder'));
await other.set('holder', 'd');
await sleep(1000);
console.log('the next change:', await client.get('holder'));
process.exit(0);
END
timeout 60 node run.mjs "$port" 2>err | tee seen || { tail -20 err; exit 1; }
diff seen - <<'END'
a change while connected: b
a change while cut off, connected again since then: b
five seconds later: b where the server has c
the next change: d
END
echo "as found: @valkey/valkey-glide 2.5.2, redis-server 7.0.15"
