#!/usr/bin/env bash
# npm @valkey/valkey-glide 2.5.2 (its core is written in Rust) with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: a client that is closed while it waits in BLPOP takes nothing any more: close() is to terminate "all associated
#        resources, including the socket and any active promises", and the waiting call fails at once.
# Seen:  the call fails, and the server still has the client, blocked, ten seconds later. The next element that is pushed
#        goes to it and is lost, with nobody at work on it; then the connection ends. A client that is closed while no
#        call waits is gone from the server within moments. The core lives on in the request that it waits for.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @valkey/valkey-glide@2.5.2 >/dev/null
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
redis-server --port "$port" --bind 127.0.0.1 --save '' --daemonize no >/dev/null & server=$!
for _ in $(seq 100); do redis-cli -p "$port" ping >/dev/null 2>&1 && break; sleep 0.1; done
cat >run.mjs <<'END'
import { GlideClient } from '@valkey/valkey-glide';

const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
const connect = (clientName) => GlideClient.createClient({
  addresses: [{ host: '127.0.0.1', port: Number(process.argv[2]) }], requestTimeout: 5000, clientName,
});
const control = await connect('control');
const has = async (name) => (await control.customCommand(['CLIENT', 'LIST'])).includes(`name=${name} `);
async function until(what) {
  for (let i = 0; i < 200; i++) {
    if (await what()) return true;
    await sleep(100);
  }
  return false;
}

const idle = await connect('idle');
idle.close();
console.log('closed without a call: gone from the server:', await until(async () => !(await has('idle'))));

const worker = await connect('worker');
const job = worker.blpop(['jobs'], 0).then((value) => `has ${value}`, () => 'has failed');
await until(async () => (await control.customCommand(['CLIENT', 'LIST'])).includes('cmd=blpop'));
worker.close();
await sleep(10000);
console.log('closed in BLPOP: the call', await Promise.race([job, sleep(100).then(() => 'still waits')]));
console.log('still on the server ten seconds later:', await has('worker'));
console.log('length of the list after a push:', await control.rpush('jobs', ['job 1']));
console.log('elements in the list:', await control.llen('jobs'));
console.log('gone from the server after that:', await until(async () => !(await has('worker'))));
console.log('elements in the list after another push:', await control.rpush('jobs', ['job 2']), await control.llen('jobs'));
process.exit(0);
END
timeout 60 node run.mjs "$port" 2>err | tee seen || { tail -20 err; exit 1; }
diff seen - <<'END'
closed without a call: gone from the server: true
closed in BLPOP: the call has failed
still on the server ten seconds later: true
length of the list after a push: 1
elements in the list: 0
gone from the server after that: true
elements in the list after another push: 1 1
END
echo "as found: @valkey/valkey-glide 2.5.2, redis-server 7.0.15"
