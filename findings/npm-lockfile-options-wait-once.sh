#!/usr/bin/env bash
# npm lockfile 1.0.4, Node.js 20.
#
# Guess: one object of options, such as a constant { wait: 20000 }, holds for every call of `lock`: each waits as long for
#        a lock that is taken, and each retries as often.
# Seen:  a second call with the object does not wait at all if its first use is longer ago than `wait`, and has no retries
#        left: it fails at once with EEXIST for a lock that is free half a second later. `lock` writes into the object:
#        the time of its first use, from which it counts the wait, and `retries: 0`.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" lockfile@1.0.4 >/dev/null
cat >run.mjs <<'END'
import { lock as lockFile, unlock as unlockFile } from 'lockfile';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const lock = (path, options) => new Promise((done) => lockFile(path, options, (error) => done(error ? error.code : 'locked')));
const unlock = (path) => new Promise((done) => unlockFile(path, done));
const round = async (what, options) => {
  await lock('job.lock', {});
  const late = lock('job.lock', options);
  await sleep(500);
  await unlock('job.lock');
  console.log(`${what}: ${await late}`);
  await unlock('job.lock');
};
const wait = { wait: 3000, pollPeriod: 50 };
const retries = { retries: 30, retryWait: 100 };
console.log('first use:', await lock('a.lock', wait), '/', await lock('b.lock', retries));
await sleep(4000);
await round('wait, a new object', { wait: 3000, pollPeriod: 50 });
await round('wait, the used object', wait);
await round('retries, a new object', { retries: 30, retryWait: 100 });
await round('retries, the used object', retries);
END
timeout 40 node run.mjs | tee seen
diff seen - <<'END'
first use: locked / locked
wait, a new object: locked
wait, the used object: EEXIST
retries, a new object: locked
retries, the used object: EEXIST
END
echo "as found: lockfile 1.0.4"
