#!/usr/bin/env bash
# npm lightning-pool 4.14.0, in node.
#
# Guess: a request whose acquireTimeoutMillis is over has left the queue, which has a place for another by then.
# Seen:  it stays in the queue, and counts for maxQueue, until an object is released: a newcomer is refused with "Pool
#        queue is full" at once while nobody waits, however long the holder works. The timeout tells the caller and
#        leaves the entry where it is.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" lightning-pool@4.14.0 >/dev/null
cat >run.mjs <<'END'
import { Pool } from 'lightning-pool';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const pool = new Pool({ create: async () => ({ lock: 'job' }), destroy: async () => {} }, { max: 1, maxQueue: 2, acquireTimeoutMillis: 1000 });
const resource = await pool.acquire();
const ask = () => pool.acquire().then(() => 'got it', (error) => error.message);
console.log(`two wait: ${await Promise.all([ask(), ask()])}`);
await sleep(2000);
console.log(`pending, when both have given up: ${pool.pending}; a newcomer: ${await ask()}`);
await pool.releaseAsync(resource);
await sleep(1000);
console.log(`pending, after the release: ${pool.pending}; a newcomer: ${await ask()}`);
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
two wait: Request timed out,Request timed out
pending, when both have given up: 2; a newcomer: Pool queue is full
pending, after the release: 0; a newcomer: got it
END
echo "as found: lightning-pool 4.14.0"
