#!/usr/bin/env bash
# npm moleculer 0.14.36, lru-cache 11.5.3, in node.
#
# Guess: lock.ttl, "the maximum amount of time you want the resource locked in seconds", ends the lock of an action that
#        hangs: the next call runs the action.
# Seen:  the cachers Memory and MemoryLRU pass the time over: every later call with those parameters waits for the one
#        that hangs, and its handler does not run. Only calls with other parameters go on. Their lock takes a time and
#        does nothing with it; the Redis cacher gives it to redlock.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" moleculer@0.14.36 lru-cache@11.5.3 >/dev/null
cat >run.mjs <<'END'
import moleculer from 'moleculer';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const type of ['Memory', 'MemoryLRU']) {
  const broker = new moleculer.ServiceBroker({ logger: false, cacher: { type, options: { ttl: 60 } } });
  let runs = 0;
  broker.createService({
    name: 'jobs',
    actions: {
      get: {
        cache: { lock: { enabled: true, ttl: 2 } },
        handler: () => (++runs === 1 ? new Promise(() => {}) : `run ${runs}`),
      },
    },
  });
  await broker.start();
  broker.call('jobs.get', { id: 1 }).catch(() => {});
  await sleep(500);
  const next = await Promise.race([broker.call('jobs.get', { id: 1 }), sleep(10000)]);
  console.log(`${type}: with lock.ttl 2, the next call after 10 s: ${next ?? 'nothing'}; runs of the handler: ${runs}`);
  console.log(`${type}: a call with other parameters: ${await broker.call('jobs.get', { id: 2 })}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
Memory: with lock.ttl 2, the next call after 10 s: nothing; runs of the handler: 1
Memory: a call with other parameters: run 2
MemoryLRU: with lock.ttl 2, the next call after 10 s: nothing; runs of the handler: 1
MemoryLRU: a call with other parameters: run 2
END
echo "as found: moleculer 0.14.36"
