#!/usr/bin/env bash
# npm async-mutex 0.5.0, Node.js 20.
#
# Guess: an `acquire` of two places of a Semaphore that `tryAcquire` or `withTimeout` refuses is over. Who asks for one
#        place afterwards gets the one that is free. After `cancel()`, `waitForUnlock` returns if a place is free.
# Seen:  the refused claim stays in the queue, and all that come behind it wait while a place is free, until the holder
#        gives back; a `tryAcquire` of one place is refused as well. The wrappers only let their own promise fail, and
#        the queue is strictly in order. `cancel` empties the queue but calls none of those in `waitForUnlock`: they
#        wait on for the next release, with a place free.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" async-mutex@0.5.0 >/dev/null
cat >run.mjs <<'END'
import { Semaphore, tryAcquire, withTimeout } from 'async-mutex';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const round = async (what, wrapped) => {
  const places = new Semaphore(2);
  const [, release] = await places.acquire();
  if (wrapped) await wrapped(places).acquire(2).catch(() => console.log(`${what}: two places are refused`));
  else console.log(`${what}: nothing was asked for`);
  const one = await tryAcquire(places).acquire(1).catch(() => undefined);
  console.log(`  free: ${places.getValue() + (one ? 1 : 0)}, tryAcquire of one: ${one ? 'done' : 'refused'}`);
  if (one) one[1]();
  const claim = places.acquire(1).then(() => 'done');
  console.log('  acquire of one:', await Promise.race([claim, sleep(1000).then(() => 'waits')]));
  release();
  console.log('  and after the release:', await Promise.race([claim, sleep(1000).then(() => 'waits')]));
};
await round('plain');
await round('tryAcquire', tryAcquire);
await round('withTimeout', (places) => withTimeout(places, 100));

const places = new Semaphore(2);
const [, release] = await places.acquire();
places.acquire(2).catch(() => console.log('cancel: two places are given up'));
const unlocked = places.waitForUnlock().then(() => 'returns');
places.cancel();
await sleep(0);
console.log(`  free: ${places.getValue()}, waitForUnlock:`, await Promise.race([unlocked, sleep(1000).then(() => 'waits')]));
release();
console.log('  and after the release:', await Promise.race([unlocked, sleep(1000).then(() => 'waits')]));
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
plain: nothing was asked for
  free: 1, tryAcquire of one: done
  acquire of one: done
  and after the release: done
tryAcquire: two places are refused
  free: 1, tryAcquire of one: refused
  acquire of one: waits
  and after the release: done
withTimeout: two places are refused
  free: 1, tryAcquire of one: refused
  acquire of one: waits
  and after the release: done
cancel: two places are given up
  free: 1, waitForUnlock: waits
  and after the release: returns
END
echo "as found: async-mutex 0.5.0"
