#!/usr/bin/env bash
# npm mutex-ts 1.0.3, in node.
#
# Guess: while a writer of a MutexRW is at work no reader gets in; "writers must wait until all readers release their
#        locks", and the other way about.
# Seen:  so it is for a writer that asked alone. Of two that ask at once the second excludes the first only: readers get
#        in beside it. The release of the first writer switches off the flag "a writer is at work" in a callback that
#        comes after the one in which the second has switched it on.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" mutex-ts@1.0.3 >/dev/null
cat >run.mjs <<'END'
import { MutexRW } from 'mutex-ts';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const reader = async (lock, when) => {
  const release = await Promise.race([lock.obtainRO(), sleep(500)]);
  console.log(`${when}: a reader gets in: ${release !== undefined}`);
};
const one = new MutexRW();
await one.obtainRW();
await reader(one, 'while a writer works');
const two = new MutexRW();
const [first, second] = [two.obtainRW(), two.obtainRW()];
(await first)();
await second;
await sleep(300);
await reader(two, 'while a second writer works');
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
while a writer works: a reader gets in: false
while a second writer works: a reader gets in: true
END
echo "as found: mutex-ts 1.0.3"
