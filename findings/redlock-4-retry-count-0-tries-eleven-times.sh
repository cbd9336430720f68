#!/usr/bin/env bash
# npm redlock 4.2.0, ioredis 5.8.2, and redis-server 7.0.15 of Debian 12.
#
# Guess: acquireWithOptions with { retryCount: 0 } tries once, as the retryCount of 0 that the documentation
#        recommends for work that may be skipped does for a Redlock.
# Seen:  it tries eleven times, for two seconds: the options of a call take 0 for "not given" and use those of the
#        Redlock, 10 retries by default. Work that should be skipped waits for the lock and is done a second time.
#        { retryDelay: 0 } waits 200 ms, too.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null &
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
timeout 80 npm install --silent --no-save --prefix "$dir" redlock@4.2.0 ioredis@5.8.2 >/dev/null
cat >run.js <<'END'
const { Redis } = require('ioredis');
const Redlock = require('redlock');
(async () => {
  const client = new Redis({ path: 'redis.sock' });
  const redlock = new Redlock([client]);
  const held = await redlock.acquire('nightly', 60000);
  const failed = (error) => `refused after attempts: ${error.attempts}`;
  const never = new Redlock([client], { retryCount: 0 });
  console.log('Redlock with retryCount 0:', await never.acquire('nightly', 1000).catch(failed));
  for (const retryCount of [1, 0]) {
    console.log(`call with retryCount ${retryCount}:`, await redlock.acquireWithOptions('nightly', 1000, { retryCount }).catch(failed));
  }
  const started = Date.now();
  await redlock.acquireWithOptions('nightly', 1000, { retryDelay: 0 }).catch(failed);
  console.log(`call with retryDelay 0: takes at least 1 s: ${Date.now() - started >= 1000}`);
  setTimeout(() => held.unlock(), 700);
  const late = await redlock.acquireWithOptions('nightly', 1000, { retryCount: 0 });
  console.log(`call with retryCount 0, released a moment later: got it at attempt ${late.attempts > 1 ? '2 or later' : 1}`);
  process.exit();
})();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
Redlock with retryCount 0: refused after attempts: 1
call with retryCount 1: refused after attempts: 2
call with retryCount 0: refused after attempts: 11
call with retryDelay 0: takes at least 1 s: true
call with retryCount 0, released a moment later: got it at attempt 2 or later
END
echo "as found: redlock 4.2.0"
