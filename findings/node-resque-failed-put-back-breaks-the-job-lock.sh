#!/usr/bin/env bash
# npm node-resque 9.7.1, ioredis 5.11.1, with a redis-server of Debian 12 (7.0.15).
#
# Guess: with the plugin JobLock, of several equal jobs one runs and the others are put back until it is done.
# Seen:  if two are put back within a second, the second of them fails ("Job already enqueued at this time with same
#        arguments"), and takes the lock of the running one with it, so that the next is run beside that one. A job
#        that fails before it is performed goes through afterPerform as well, which deletes the key whoever has it.
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
  for (const jobs of [2, 3]) {
    let running = 0, most = 0, done = 0;
    const failed = [];
    const definition = {
      report: {
        plugins: [Plugins.JobLock],
        perform: async () => {
          most = Math.max(most, ++running);
          await sleep(5000);
          running--;
          done++;
        },
      },
    };
    const queue = new Queue(connection(), definition);
    const scheduler = new Scheduler({ ...connection(), timeout: 100 }, definition);
    const workers = [0, 1, 2].map((i) => new Worker({ ...connection(), queues: ['q'], timeout: 50, name: `w${i}` }, definition));
    for (const part of [queue, scheduler, ...workers]) {
      part.on('error', (error) => console.log('error', error));
      await part.connect();
    }
    for (const worker of workers) worker.on('failure', (q, job, error) => failed.push(error.message));
    // Away from the end of a second: a job put back comes back at a whole second.
    await sleep(1000 - (Date.now() % 1000));
    for (let i = 0; i < jobs; i++) await queue.enqueue('q', 'report', [7]);
    for (const part of [scheduler, ...workers]) await part.start();
    while (done + failed.length < jobs) await sleep(100);
    console.log(`${jobs} equal jobs: done ${done}, at once ${most}, failed: ${failed}`);
    for (const part of [...workers, scheduler, queue]) await part.end();
  }
  process.exit();
})();
END
timeout 80 node run.js "$dir/redis.sock" | tee seen
diff seen - <<'END'
2 equal jobs: done 2, at once 1, failed: 
3 equal jobs: done 2, at once 2, failed: Job already enqueued at this time with same arguments
END
echo "as found: node-resque 9.7.1"
