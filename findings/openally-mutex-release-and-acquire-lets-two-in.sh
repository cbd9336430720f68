#!/usr/bin/env bash
# npm @openally/mutex 2.0.0, in node (Promise.withResolvers of Node.js 22 is made up for with three lines on an older one).
#
# Guess: who gives up the lock and asks again at once comes after those who wait, or before them: one has it at a time.
# Seen:  both have it. A release counts the place as free and wakes the first waiter, which takes the place a moment
#        later without looking again; who asks in between has it too. Of workers that each release and acquire in a loop
#        two are at work at a time; with a pause between the two calls it is one.
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
for (const pause of [false, true]) {
  const mutex = new Mutex({ concurrency: 1 });
  let atWork = 0, most = 0;
  const worker = async () => {
    for (let i = 0; i < 5; i++) {
      const release = await mutex.acquire();
      most = Math.max(most, ++atWork);
      await sleep(20);
      atWork--;
      release();
      if (pause) await sleep(20);
    }
  };
  await Promise.all([worker(), worker()]);
  console.log(`two workers, ${pause ? 'with a pause' : 'without a pause'}: at work at a time: ${most}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
two workers, without a pause: at work at a time: 2
two workers, with a pause: at work at a time: 1
END
echo "as found: @openally/mutex 2.0.0"
