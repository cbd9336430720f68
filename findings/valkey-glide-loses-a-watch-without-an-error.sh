#!/usr/bin/env bash
# npm @valkey/valkey-glide 2.5.2 with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: WATCH of valkey-glide guards the transaction of this client that follows: exec() returns null if the key has
#        changed since, or fails if the connection, and the guard with it, was lost in between.
# Seen:  after a lost connection exec() succeeds on the new one, without a guard and without an error. And any exec() of
#        the client uses the guard up: of two flows on one client, the second writes over a change that it watched for.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
npm install --silent --no-save @valkey/valkey-glide@2.5.2  >/dev/null
cat >run.mjs <<'END'
import net from 'node:net';
import { Batch, GlideClient } from '@valkey/valkey-glide';

// The client has no Unix sockets: a proxy passes its connections on, and cuts them.
const [path] = process.argv.slice(2);
const sockets = new Set();
const proxy = net.createServer((client) => {
  const server = net.connect(path);
  for (const [from, to] of [[client, server], [server, client]]) {
    sockets.add(from);
    from.on('data', (data) => to.write(data)).on('close', () => to.destroy()).on('error', () => {});
  }
});
await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
const connect = () => GlideClient.createClient({ addresses: [{ host: '127.0.0.1', port: proxy.address().port }] });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const client = await connect(), other = await connect();
const exec = (key, value) => client.exec(new Batch(true).set(key, value), false).catch((err) => err.message);

for (const cut of [false, true]) {
  await other.set('lock', 'mine');
  await client.watch(['lock']);
  if (cut) for (const socket of sockets) socket.destroy();
  await sleep(1000);
  await other.set('lock', 'of another');
  console.log(`connection lost: ${cut}, transaction: ${JSON.stringify(await exec('lock', 'mine again'))}, value: ${await other.get('lock')}`);
}
await client.watch(['lock']);
await other.set('lock', 'of another');
console.log(`transaction of another flow: ${JSON.stringify(await exec('log', 'entry'))}`);
console.log(`transaction of the flow that watched: ${JSON.stringify(await exec('lock', 'mine again'))}, value: ${await other.get('lock')}`);
process.exit(0);
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
connection lost: false, transaction: null, value: of another
connection lost: true, transaction: ["OK"], value: mine again
transaction of another flow: null
transaction of the flow that watched: ["OK"], value: mine again
END
echo "as found: valkey-glide 2.5.2"
