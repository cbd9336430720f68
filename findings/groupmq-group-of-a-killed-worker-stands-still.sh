#!/usr/bin/env bash
# npm groupmq 1.1.0, ioredis 5.11.1, with a redis-server of Debian 12 (7.0.15).
#
# Guess: when a worker was killed, its job is run again or fails after jobTimeoutMs and the next check for stalled jobs
#        ("automatic recovery"), and then its group goes on.
# Seen:  with the options' defaults the group stands still for ever, whatever is added to it; other groups go on. The
#        reservation of the next worker finds the expired job first and puts it back, without a count and without
#        taking it off the group's list of active jobs, and while that list has an entry nothing of the group is
#        reserved. The check for stalled jobs, which would clear the list, then finds nothing to do.
set -euo pipefail
for command in node npm redis-server redis-cli; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
timeout 90 npm install --silent --no-save --prefix "$dir" groupmq@1.1.0 ioredis@5.11.1 >/dev/null
cat >run.js <<'END'
const { Queue, Worker } = require('groupmq');
const { Redis } = require('ioredis');
const [path, role] = process.argv.slice(2);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const redis = new Redis({ path, maxRetriesPerRequest: null });
  const queue = new Queue({ redis, namespace: 'orders', jobTimeoutMs: 3000 });
  const done = [];
  const worker = new Worker({
    queue,
    handler: async (job) => {
      if (role === 'killed') process.kill(process.pid, 'SIGKILL');
      done.push(`${job.groupId} ${job.data}`);
    },
  });
  worker.on('error', (error) => console.log('error', error));
  worker.on('failed', (job) => console.log('failed', job.groupId));
  if (role === 'killed') {
    await queue.add({ groupId: 'user 1', data: 'first' });
    await queue.add({ groupId: 'user 1', data: 'second' });
    worker.run();
    return;
  }
  await sleep(5000);
  worker.run();
  await sleep(35000); // more than the default stalledInterval
  await queue.add({ groupId: 'user 1', data: 'third' });
  await queue.add({ groupId: 'user 2', data: 'first' });
  await sleep(6000);
  console.log('done by the next worker:', done.join(', '));
  const { active, waiting, failed } = await queue.getJobCounts();
  console.log(`active ${active}, waiting ${waiting}, failed ${failed}`);
  process.exit();
})();
END
(timeout 20 node run.js "$dir/redis.sock" killed || true) 2>/dev/null
timeout 75 node run.js "$dir/redis.sock" next | tee seen
diff seen - <<'END'
done by the next worker: user 2 first
active 0, waiting 3, failed 0
END
echo "as found: groupmq 1.1.0"
