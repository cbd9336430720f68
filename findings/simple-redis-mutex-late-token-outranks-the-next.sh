#!/usr/bin/env bash
# npm simple-redis-mutex 3.0.0, redis (node-redis) 5.12.1, and redis-server 7.0.15 of Debian 12.
#
# Guess: of two holders of a lock one after the other, the second has the higher fencingToken, so that a resource can
#        refuse the first once it has seen the second.
# Seen:  a first holder whose connection is slow for a moment gets its lock at once, and its token after the next
#        holder, above the next one's: the resource refuses the one that has the lock, and serves the one that has lost
#        it. lock() sets the key, and then asks for the token in a request of its own (INCR). refreshTimeout() of the
#        lost lock reports nothing.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null &
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
timeout 80 npm install --silent --no-save --prefix "$dir" simple-redis-mutex@3.0.0 redis@5.12.1 >/dev/null
cat >run.js <<'END'
const net = require('net');
const { createClient } = require('redis');
const { lock } = require('simple-redis-mutex');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let locked;
const taken = new Promise((done) => { locked = done; });
// A network that is slow once, after the answer to the first holder's SET.
let held;
const network = net.createServer((near) => {
  const far = net.connect('redis.sock');
  near.on('data', async (data) => {
    if (String(data).includes('\r\nSET\r\n')) held = true;
    else if (held) { locked(); await sleep(6000); }
    far.write(data);
  });
  far.on('data', (data) => near.write(data));
});
network.listen('network.sock', async () => {
  const [slow, fast] = await Promise.all(['network.sock', 'redis.sock'].map((path) =>
    createClient({ socket: { path } }).connect()));
  const first = lock(slow, 'job', { timeout: 1000 });
  await taken;
  await sleep(2000);
  const second = await lock(fast, 'job', { timeout: 60000 });
  const lost = await first;
  console.log(`the lost lock has the token ${lost.fencingToken}, the next holder's ${second.fencingToken}`);
  console.log(`refreshTimeout of the lost lock: ${await lost.refreshTimeout()}`);
  process.exit();
});
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
the lost lock has the token 2, the next holder's 1
refreshTimeout of the lost lock: undefined
END
echo "as found: simple-redis-mutex 3.0.0"
