#!/usr/bin/env bash
# npm @nocobase/lock-manager 2.2.15, @nocobase/utils 2.2.15, in node.
#
# Guess: runExclusive(key, fn, ttl) of the local adapter holds the lock for ttl at most, as acquire(key, ttl) does: one
#        run that hangs does not keep the others out.
# Seen:  the lock stays as long as the function runs, whatever ttl is. The timer that is to end it is cleared at once,
#        as the function is returned from a try block without being waited for.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" --legacy-peer-deps @nocobase/lock-manager@2.2.15 @nocobase/utils@2.2.15 async-mutex@0.5.0 @formily/json-schema@2.3.7 flat@6.0.1 moment@2.31.0 >/dev/null
cat >run.mjs <<'END'
import { createRequire } from 'node:module';

const { LockManager } = createRequire(import.meta.url)('@nocobase/lock-manager');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const manager = new LockManager();
for (const [name, take] of [
  ['acquire', (key) => manager.acquire(key, 1000)],
  ['runExclusive', (key) => manager.runExclusive(key, () => new Promise(() => {}), 1000)],
]) {
  take(name);
  await sleep(300);
  const next = await Promise.race([manager.acquire(name, 1000), sleep(8000)]);
  console.log(`${name} with a ttl of 1 s, and no end: after 8 s another has the lock: ${next !== undefined}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
acquire with a ttl of 1 s, and no end: after 8 s another has the lock: true
runExclusive with a ttl of 1 s, and no end: after 8 s another has the lock: false
END
echo "as found: @nocobase/lock-manager 2.2.15"
