#!/usr/bin/env bash
# npm @scienta/locking-cache 1.3.0, lock 1.1.0, in node.
#
# Guess: getValue gives up its lock when the resolver fails, as it does when it has a value, so the next call resolves.
# Seen:  the lock stays: the next call for that key waits until the maximum duration of the lock is over, and without
#        one for good. The lock is given up in a step that a failure passes over.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @scienta/locking-cache@1.3.0 lock@1.1.0 >/dev/null
cat >run.mjs <<'END'
import { LockingCache } from '@scienta/locking-cache';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
for (const [name, duration] of [['a maximum of 5 s', 5000], ['no maximum', undefined]]) {
  const cache = new LockingCache();
  await cache.getValue('key', async () => { throw new Error('no answer'); }, duration)
    .catch((error) => console.log(`${name}: the first call: ${error.message}`));
  const begin = Date.now();
  const next = cache.getValue('key', async () => ({ value: 'value', expiresInSec: 60 }), duration);
  const value = await Promise.race([next, sleep(15000)]);
  console.log(`${name}: the next call: ${value ?? 'nothing after 15 s'}; it waited: ${Date.now() - begin > 3000}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
a maximum of 5 s: the first call: no answer
a maximum of 5 s: the next call: value; it waited: true
no maximum: the first call: no answer
no maximum: the next call: nothing after 15 s; it waited: true
END
echo "as found: @scienta/locking-cache 1.3.0"
