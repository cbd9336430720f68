#!/usr/bin/env bash
# npm lockfile 1.0.4, Node.js 20.
#
# Guess: "all known locks are removed when the process exits", also a lock that was taken over from a dead holder with
#        `stale`. `lockSync` and `lock` leave the same behind.
# Seen:  a stale lock that `lock` takes over stays when the process exits, and the next one is kept out until it is stale
#        again; with `lockSync` it is removed. `lock` takes the place of a stale file by a link from "NAME.STALE" and notes
#        in its list for the exit only that second name.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" lockfile@1.0.4 >/dev/null
cat >run.mjs <<'END'
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const run = (code) => spawnSync(process.execPath, ['-e', `const lockfile = require('lockfile');
  const say = (error) => console.log('  a process:', error ? error.code : 'locked'); ${code}`], { encoding: 'utf8' }).stdout;
const round = async (what, before, code) => {
  const path = `${what.replaceAll(/[ ,]+/g, '-')}.lock`;
  if (before) {
    writeFileSync(path, '');
    await sleep(1500);
  }
  console.log(what);
  process.stdout.write(run(code(JSON.stringify(path))));
  console.log(`  it has exited, the file is ${existsSync(path) ? 'still there' : 'gone'}`);
  process.stdout.write(run(`lockfile.lock(${JSON.stringify(path)}, { stale: 60000 }, say);`));
};
const async = (path) => `lockfile.lock(${path}, { stale: 1000 }, say);`;
const sync = (path) => `lockfile.lockSync(${path}, { stale: 1000 }); say();`;
await round('lock, free', false, async);
await round('lock, stale', true, async);
await round('lockSync, stale', true, sync);
END
timeout 40 node run.mjs | tee seen
diff seen - <<'END'
lock, free
  a process: locked
  it has exited, the file is gone
  a process: locked
lock, stale
  a process: locked
  it has exited, the file is still there
  a process: EEXIST
lockSync, stale
  a process: locked
  it has exited, the file is gone
  a process: locked
END
echo "as found: lockfile 1.0.4"
