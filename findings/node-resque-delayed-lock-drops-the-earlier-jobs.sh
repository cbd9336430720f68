#!/usr/bin/env bash
# npm node-resque 9.7.1, ioredis 5.11.1, with a redis-server of Debian 12 (7.0.15).
#
# Guess: with the plugin DelayQueueLock, a job that is delayed already is not delayed a second time ("do not enqueue it
#        again"): the first of three stays and runs at its time.
# Seen:  all three are taken, enqueueAt returns true, and the scheduler says of each that it was transferred; the first
#        two never run. Plugins are not asked when a job is delayed, but when its time has come, and then the copies
#        with a later time stand in its way: a job that is delayed again before it is due, time after time, never runs.
set -euo pipefail
for command in node npm redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
timeout 90 npm install --silent --no-save --prefix "$dir" node-resque@9.7.1 ioredis@5.11.1 >/dev/null
cat >run.js <<'END'
const { Queue, Scheduler, Worker, Plugins } = require('node-resque');
const { Redis } = require('ioredis');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const connection = () => ({ connection: { redis: new Redis({ path: process.argv[2] }), namespace: 'resque' } });
  const start = Date.now();
  let transferred = 0;
  const ran = [];
  // How many had been transferred when the job ran says which one it was.
  const jobs = { report: { plugins: [Plugins.DelayQueueLock], perform: async () => { ran.push(transferred); } } };
  const queue = new Queue(connection(), jobs);
  const scheduler = new Scheduler({ ...connection(), timeout: 100 }, jobs);
  const worker = new Worker({ ...connection(), queues: ['q'], timeout: 50, name: 'w' }, jobs);
  for (const part of [queue, scheduler, worker]) {
    part.on('error', (error) => console.log('error', error));
    await part.connect();
  }
  scheduler.on('transferredJob', () => { transferred++; });
  for (const delay of [4000, 8000, 12000]) {
    console.log(`enqueueAt +${delay / 1000} s: ${await queue.enqueueAt(start + delay, 'q', 'report', [7])}`);
  }
  await scheduler.start();
  await worker.start();
  await sleep(18000);
  console.log(`transferred: ${transferred}, ran: ${ran.map((n) => `number ${n}`)}`);
  process.exit();
})();
END
timeout 60 node run.js "$dir/redis.sock" | tee seen
diff seen - <<'END'
enqueueAt +4 s: true
enqueueAt +8 s: true
enqueueAt +12 s: true
transferred: 3, ran: number 3
END
echo "as found: node-resque 9.7.1"
