#!/usr/bin/env bash
# npm @openally/mutex 2.0.0, in node (Promise.withResolvers of Node.js 22 is made up for with three lines on an older one).
#
# Guess: a waiter that is aborted, or whose AbortSignal.timeout is over, is refused and gives up nothing but its turn.
# Seen:  it gives up a place that it never had: the next one gets in beside the holder, and "locked" is false while the
#        holder is at work. The handler of the signal counts one off the running ones, besides taking the waiter out.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" @openally/mutex@2.0.0 >/dev/null
cat >run.mjs <<'END'
Promise.withResolvers ??= () => {
  let resolve, reject;
  const promise = new Promise((a, b) => { resolve = a; reject = b; });
  return { promise, resolve, reject };
};
const { Mutex } = await import('@openally/mutex');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const mutex = new Mutex({ concurrency: 1 });
await mutex.acquire(); // the holder is at work until the end
const asks = async (who) => {
  const got = await Promise.race([mutex.acquire(), sleep(500)]);
  console.log(`${who} gets in beside the holder: ${typeof got === 'function'}`);
};
const controller = new AbortController();
setTimeout(() => controller.abort(), 200);
await mutex.acquire({ signal: controller.signal })
  .catch((error) => console.log(`the waiter: ${error.message}`));
console.log(`locked: ${mutex.locked}, running: ${mutex.running}`);
await asks('the next one');
await asks('one more');
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
the waiter: Mutex Canceled (AbortSignal)
locked: false, running: 0
the next one gets in beside the holder: true
one more gets in beside the holder: false
END
echo "as found: @openally/mutex 2.0.0"
