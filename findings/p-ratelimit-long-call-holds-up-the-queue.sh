#!/usr/bin/env bash
# npm p-ratelimit 1.0.1, in node.
#
# Guess: with a quota of two calls in half a second, and none for concurrency, a call that is queued runs when the interval has
#        passed, however long the calls before it take.
# Seen:  it waits until one of those at work has ended: behind a call of four seconds, four seconds, and longer with a longer
#        one. The queue is looked at when a call is made or ends; the timer for the interval is set only if nothing is at
#        work.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	p-ratelimit@1.0.1 >/dev/null
cat >run.mjs <<'END'
import ratelimit from 'p-ratelimit';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
for (const seconds of [0, 4]) {
  const limit = ratelimit.pRateLimit({ interval: 500, rate: 2 });
  const state = { ended: 0 };
  const long = () => pause(seconds * 1000).then(() => { state.ended++; });
  const first = [limit(long), limit(long)];
  await pause(50);
  const third = limit(async () => state.ended);
  const soon = await Promise.race([third.then(() => 'has run'), pause(2500).then(() => 'waits')]);
  console.log(`two calls of ${seconds} s: two seconds after the interval the third ${soon}`);
  console.log(`  it runs when ${await third > 0 ? 'one of the two has ended' : 'both are at work'}`);
  await Promise.all(first);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
two calls of 0 s: two seconds after the interval the third has run
  it runs when one of the two has ended
two calls of 4 s: two seconds after the interval the third waits
  it runs when one of the two has ended
END
echo "as found: p-ratelimit 1.0.1"
