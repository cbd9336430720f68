#!/usr/bin/env bash
# npm redlock 5.0.0-beta.2 and @sesamecare-oss/redlock 1.4.0, ioredis 5.8.2, with a redis-server of Debian 12 (7.0.15).
#
# Guess: the signal of using is aborted at the latest when the lock has expired: what the library has to know for
#        that is the time.
# Seen:  it is aborted only after an extension has failed. An extension that has no answer is waited for without a
#        limit, so a holder that is cut off, or whose server hangs, is never told, while another has the lock.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
timeout 90 npm install --silent --no-save --prefix "$dir" @sesamecare-oss/redlock@1.4.0 redlock@5.0.0-beta.2 ioredis@5.8.2 >/dev/null
cat >run.js <<'END'
const net = require('net');
const { Redis } = require('ioredis');
const Redlock = process.argv[3] === 'redlock' ? require('redlock').default : require('@sesamecare-oss/redlock').Redlock;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
let cut = false;
const network = net.createServer((near) => {
  const far = net.connect(process.argv[2]);
  near.on('data', (data) => cut || far.write(data));
  far.on('data', (data) => cut || near.write(data));
});
const path = `cut.${process.pid}.sock`;
network.listen(path, () => {
  const holder = new Redlock([new Redis({ path })], { automaticExtensionThreshold: 500 });
  const next = new Redlock([new Redis({ path: process.argv[2] })], { retryCount: 0 });
  const takes = () => next.acquire(['job'], 60000).then(() => true, () => false);
  holder.using(['job'], 1000, async (signal) => {
    await sleep(2500);
    console.log(`${process.argv[3]}, extended: the next gets it: ${await takes()}, aborted: ${signal.aborted}`);
    cut = true;
    await sleep(5000);
    console.log(`${process.argv[3]}, cut off for five times the duration: the next gets it: ${await takes()}, aborted: ${signal.aborted}`);
    process.exit();
  });
});
END
for name in redlock @sesamecare-oss/redlock; do
	timeout 30 node run.js "$dir/redis.sock" "$name"
	redis-cli -s "$dir/redis.sock" flushall >/dev/null
done | tee seen
diff seen - <<'END'
redlock, extended: the next gets it: false, aborted: false
redlock, cut off for five times the duration: the next gets it: true, aborted: false
@sesamecare-oss/redlock, extended: the next gets it: false, aborted: false
@sesamecare-oss/redlock, cut off for five times the duration: the next gets it: true, aborted: false
END
echo "as found: redlock 5.0.0-beta.2, @sesamecare-oss/redlock 1.4.0"
