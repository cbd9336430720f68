#!/usr/bin/env bash
# npm redis (node-redis) 6.3.1 with a redis-server of Debian 12 (7.0.15), Node.js 20.
#
# Guess: commandOptions.timeout, "timeout for the command in milliseconds", and an abort signal bound how long a call
#        takes: a heartbeat with a timeout of 200 ms has failed after that, if the server does not answer.
# Seen:  both hold only until the command is written to the socket, which is at once on a connection that is up. Then
#        the call waits for as long as the server takes, and succeeds.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ -S "$dir/redis.sock" ]; do sleep 0.1; done
npm install --silent --no-save redis@6.3.1 >/dev/null
cat >run.mjs <<'END'
import { createClient } from 'redis';

const [path] = process.argv.slice(2);
const client = createClient({ socket: { path }, commandOptions: { timeout: 200 } });
const other = createClient({ socket: { path } });
await client.connect();
await other.connect();
for (const [name, call] of [
  ['timeout', () => client.incr('beats')],
  ['signal', () => client.withAbortSignal(AbortSignal.timeout(200)).incr('beats')],
]) {
  await other.sendCommand(['CLIENT', 'PAUSE', '2000', 'ALL']);
  const start = performance.now();
  const result = await call().catch((err) => err.message);
  console.log(`${name} of 200 ms, server that pauses for 2 s: ${result}, after a second: ${performance.now() - start > 1000}`);
}
client.destroy();
other.destroy();
END
timeout 60 node run.mjs "$dir/redis.sock" | tee seen
diff seen - <<'END'
timeout of 200 ms, server that pauses for 2 s: 1, after a second: true
signal of 200 ms, server that pauses for 2 s: 2, after a second: true
END
echo "as found: redis 6.3.1"
