#!/usr/bin/env bash
# proper-lockfile 4.1.2 (npm).
#
# Guess: two locks of one directory with different lockfilePath, which is documented for a lock file within a directory,
#        are two locks: each is released and refreshed by itself.
# Seen:  release() of the first marks the second as released and ends its refresh: its lock file stays until it is stale,
#        then another process takes the lock from its holder, who is not told and cannot release it. Soon the first,
#        which was released properly, is called compromised, by default with an error that ends the process. The locks of
#        a process are kept by the path of what is locked, not of the lock file.
set -euo pipefail
command -v npm >/dev/null || { echo "install node and npm" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 60 npm install --silent --no-fund --no-audit proper-lockfile@4.1.2 >/dev/null
cat >run.js <<'END'
const fs = require('fs');
const { execFileSync } = require('child_process');
const { setTimeout: sleep } = require('timers/promises');
const lockfile = require('proper-lockfile');

const lock = (name) => lockfile.lock('data', {
  stale: 4000,
  lockfilePath: `data/${name}.lock`,
  onCompromised: (err) => console.log(`${name} is called compromised: ${err.code}`),
});
const other = (name) => execFileSync(process.execPath, [__filename, name], { encoding: 'utf8' }).trim();

async function main() {
  fs.mkdirSync('data');
  const releaseReader = await lock('reader');
  const releaseWriter = await lock('writer');
  await releaseReader();
  console.log('reader is released, lock files: ' + fs.readdirSync('data'));
  await sleep(12_000);
  console.log('another process, reader: ' + other('reader'));
  console.log('another process, writer: ' + other('writer'));
  await releaseWriter().then(() => console.log('writer is released'), (err) => console.log('release of writer: ' + err.code));
}

if (process.argv[2]) lock(process.argv[2]).then(() => console.log('has the lock'), (err) => console.log('is refused: ' + err.code));
else main();
END
timeout 60 node run.js | tee seen
diff seen - <<'END'
reader is released, lock files: writer.lock
reader is called compromised: ECOMPROMISED
another process, reader: has the lock
another process, writer: has the lock
release of writer: ERELEASED
END
echo "as found: proper-lockfile 4.1.2"
