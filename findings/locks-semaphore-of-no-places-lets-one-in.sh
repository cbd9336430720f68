#!/usr/bin/env bash
# npm locks 0.2.2, in node.
#
# Guess: `createSemaphore(0)`, the usual way to let others wait for a signal, has no place: who calls `wait` waits for a
#        `signal`.
# Seen:  the first `wait` goes through at once, and after two signals three have gone through. The constructor takes
#        `initialCount || 1`, so 0 becomes 1.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	locks@0.2.2 >/dev/null
cat >run.mjs <<'END'
import locks from 'locks';

for (const places of [0, 1, 2]) {
  const semaphore = locks.createSemaphore(places);
  let through = 0;
  for (let i = 0; i < 5; i++) semaphore.wait(() => { through++; });
  const before = through;
  semaphore.signal();
  semaphore.signal();
  console.log(`${places} places: ${before} through before a signal, ${through} after two`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
0 places: 1 through before a signal, 3 after two
1 places: 1 through before a signal, 3 after two
2 places: 2 through before a signal, 4 after two
END
echo "as found: locks 0.2.2"
