#!/usr/bin/env bash
# npm @microfleet/ioredis-lock 6.0.1, ioredis 5.8.2, Node.js 20, Debian redis-server 7.0.15.
#
# Guess: a Lock has one key. A second `acquire` is refused with "Lock already held", also if the first still waits for
#        its answer, as callers that come together are what a lock is for.
# Seen:  two calls at once, for two keys, both succeed. The Lock remembers the one that was answered last: `release`
#        frees that one, the other stays taken for its whole timeout, nobody can release or extend it, and the same Lock
#        is refused by it. The key is set and remembered only when the answer is there.
set -euo pipefail
for command in node npm redis-server; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs, npm and redis-server" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" @microfleet/ioredis-lock@6.0.1 ioredis@5.8.2 >/dev/null
cat >run.mjs <<'END'
import { spawn } from 'node:child_process';
import { Redis } from 'ioredis';
import * as ioredisLock from '@microfleet/ioredis-lock';

const server = spawn('redis-server', ['--port', '0', '--unixsocket', `${process.cwd()}/socket`, '--save', ''], { stdio: 'ignore' });
process.on('exit', () => server.kill());
const client = new Redis(`${process.cwd()}/socket`, { retryStrategy: () => 200, maxRetriesPerRequest: null });
client.on('error', () => {});
await new Promise((done) => client.once('ready', done));
const keys = async () => (await client.keys('*')).sort().join(' and ') || 'none';
const outcome = (call) => call.then(() => 'done', (error) => error.message);

const lock = ioredisLock.createLock(client, { timeout: 600000, retries: 0 });
console.log('a, then b:', await outcome(lock.acquire('a')), '/', await outcome(lock.acquire('b')));
console.log('  taken:', await keys());
console.log('  release:', await outcome(lock.release()), '/ taken:', await keys());
console.log('a and b at once:', (await Promise.all([outcome(lock.acquire('a')), outcome(lock.acquire('b'))])).join(' / '));
console.log('  taken:', await keys());
console.log('  release:', await outcome(lock.release()), '/ taken:', await keys());
console.log('  release again:', await outcome(lock.release()));
console.log('  a again, with the same Lock:', await outcome(lock.acquire('a')));
process.exit();
END
timeout 30 node run.mjs | tee seen
diff seen - <<'END'
a, then b: done / Lock already held
  taken: a
  release: done / taken: none
a and b at once: done / done
  taken: a and b
  release: done / taken: a
  release again: Lock has not been acquired
  a again, with the same Lock: Could not acquire lock on "a"
END
echo "as found: @microfleet/ioredis-lock 6.0.1"
