#!/usr/bin/env bash
# npm redis-semaphore 5.8.0, ioredis 5.8.2, with a redis-server of Debian 12 (7.0.15).
#
# Guess: a holder of a Semaphore is out when its own lockTimeout has passed without a refresh.
# Seen:  it is out when the lockTimeout of whoever asks has passed since. One client with a shorter timeout takes
#        the only place while the holder with the longer one is at work and refreshes as it should. With Mutex
#        each has its own.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
timeout 90 npm install --silent --no-save --prefix "$dir" redis-semaphore@5.8.0 ioredis@5.8.2 >/dev/null
cat >run.js <<'END'
const { Mutex, Semaphore } = require('redis-semaphore');
const { Redis } = require('ioredis');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const client = new Redis({ path: process.argv[2] });
  const make = {
    mutex: (options) => new Mutex(client, 'job', options),
    semaphore: (options) => new Semaphore(client, 'job', 1, options),
  };
  for (const [name, lock] of Object.entries(make)) {
    let lost = 'nothing';
    const long = lock({ lockTimeout: 3000, refreshInterval: 1500, onLockLost: (e) => { lost = e.message; } });
    const short = lock({ lockTimeout: 300, acquireAttemptsLimit: 1 });
    await long.acquire();
    await sleep(800);
    console.log(`${name}: the other gets it after 800 ms of 3000: ${await short.tryAcquire()}, the holder has it: ${long.isAcquired}`);
    await sleep(1200);
    console.log(`${name}: the holder hears of ${lost}`);
    await long.release();
    await short.release();
  }
  client.disconnect();
})();
END
timeout 30 node run.js "$dir/redis.sock" | tee seen
diff seen - <<'END'
mutex: the other gets it after 800 ms of 3000: false, the holder has it: true
mutex: the holder hears of nothing
semaphore: the other gets it after 800 ms of 3000: true, the holder has it: true
semaphore: the holder hears of Lost semaphore for key semaphore:job
END
echo "as found: redis-semaphore 5.8.0"
