#!/usr/bin/env bash
# npm locks 0.2.2, in node.
#
# Guess: createSemaphore(0), the way to let nobody in until somebody signals, lets nobody in until then. The
#        description: "initialValue ... amount of resources available".
# Seen:  it lets one in at once, and after one signal two: 0 is taken for a missing number and becomes 1.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" locks@0.2.2 >/dev/null
cat >run.mjs <<'END'
import locks from 'locks';

for (const places of [0, 1, 2]) {
  const semaphore = locks.createSemaphore(places);
  let inside = 0;
  for (let i = 0; i < 4; i++) semaphore.wait(() => { inside++; });
  const before = inside;
  semaphore.signal();
  console.log(`a semaphore of ${places}: in at once ${before} of 4, after one signal ${inside}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
a semaphore of 0: in at once 1 of 4, after one signal 2
a semaphore of 1: in at once 1 of 4, after one signal 2
a semaphore of 2: in at once 2 of 4, after one signal 3
END
echo "as found: locks 0.2.2"
