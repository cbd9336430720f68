#!/usr/bin/env bash
# npm fast-ratelimit 3.0.1, in node.
#
# Guess: `hasToken`, documented to check whether there are tokens without taking one, changes nothing: after it, as without it,
#        no more than `threshold` tokens are given within `ttl`.
# Seen:  the window ends `ttl` after the `hasToken`, not after the first token: who asks, works for most of the window and then
#        takes tokens, as the documentation shows for logins, has a full set again right after. The check of a name that is
#        unknown starts the timer that forgets it, and the first token then starts one more.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	fast-ratelimit@3.0.1 >/dev/null
cat >run.mjs <<'END'
import ratelimit from 'fast-ratelimit';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const take = (limiter) => {
  let taken = 0;
  while (taken < 10 && limiter.consumeSync('user')) taken++;
  return taken;
};
for (const asks of [false, true]) {
  const limiter = new ratelimit.FastRateLimit({ threshold: 3, ttl: 6 });
  if (asks) console.log('asked, there is a token:', limiter.hasTokenSync('user'));
  await pause(4000);
  const start = Date.now();
  const first = take(limiter);
  await pause(3000);
  const second = take(limiter);
  if (Date.now() - start > 5500) throw new Error('too slow a machine');
  console.log(`${asks ? 'with' : 'without'} hasToken: ${first} tokens, and in the same window ${second} more`);
}
process.exit();
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
without hasToken: 3 tokens, and in the same window 0 more
asked, there is a token: true
with hasToken: 3 tokens, and in the same window 3 more
END
echo "as found: fast-ratelimit 3.0.1"
