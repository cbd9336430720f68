#!/usr/bin/env bash
# npm redis-semaphore 5.8.0, ioredis 5.8.2, with three redis-servers of Debian 12 (7.0.15).
#
# Guess: RedlockMutex over three servers goes on while two of them answer: its refresh needs a majority.
# Seen:  acquire and refresh wait for all of the answers before they count. One server that is silent, not down,
#        stops the refresh: the lock runs out on the two that are well, another client takes all it needs, and the
#        holder still has isAcquired true. A server that refuses connections does no such harm.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
for i in 0 1 2; do
	redis-server --port 0 --unixsocket "$dir/$i.sock" --save '' --daemonize no >/dev/null &
done
for i in 0 1 2; do until [ -S "$dir/$i.sock" ]; do sleep 0.1; done; done
timeout 90 npm install --silent --no-save --prefix "$dir" redis-semaphore@5.8.0 ioredis@5.8.2 >/dev/null
cat >run.js <<'END'
const net = require('net');
const { RedlockMutex } = require('redis-semaphore');
const { Redis } = require('ioredis');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let cut = false;
const network = net.createServer((near) => {
  const far = net.connect('2.sock');
  near.on('data', (data) => cut || far.write(data));
  far.on('data', (data) => cut || near.write(data));
});
network.listen('cut.sock', async () => {
  const clients = (...paths) => paths.map((path) => new Redis({ path }));
  const lost = [];
  const holder = new RedlockMutex(clients('0.sock', '1.sock', 'cut.sock'), 'job', {
    lockTimeout: 1000, refreshInterval: 200, onLockLost: (e) => lost.push(e.message),
  });
  const next = new RedlockMutex(clients('0.sock', '1.sock', '2.sock'), 'job', { lockTimeout: 1000, acquireAttemptsLimit: 1 });
  await holder.acquire();
  await sleep(1500);
  console.log(`three servers: the next gets it: ${await next.tryAcquire()}, the holder has it: ${holder.isAcquired}`);
  cut = true;
  await sleep(2000);
  console.log(`two and a silent one: the next gets it: ${await next.tryAcquire()}, the holder has it: ${holder.isAcquired}, it heard of ${lost.length} losses`);
  process.exit();
});
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
three servers: the next gets it: false, the holder has it: true
two and a silent one: the next gets it: true, the holder has it: true, it heard of 0 losses
END
echo "as found: redis-semaphore 5.8.0"
