#!/usr/bin/env bash
# npm p-ratelimit 1.0.1, in node.
#
# Guess: a call that was rejected in the queue after `maxDelay` takes no place of `concurrency`: it was never made.
# Seen:  each of them takes one place for good. With a concurrency of 2, after two such calls nothing runs any more:
#        every later call waits for `maxDelay` and is rejected, with nothing at work. When its turn in the queue comes, the
#        place is counted first, and then it is seen that the call has been rejected; nobody gives the place back.
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
let running = 0;
const work = (ms) => async () => {
  running++;
  await pause(ms);
  running--;
  return 'done';
};
const outcome = (call) => call.catch((error) => `rejected, ${error.message}`);
for (const waiting of [0, 1, 2]) {
  const limit = ratelimit.pRateLimit({ concurrency: 2, maxDelay: 1500 });
  const atWork = [limit(work(3000)), limit(work(3000))];
  const late = [];
  for (let i = 0; i < waiting; i++) late.push(outcome(limit(work(10))));
  await Promise.all([...atWork, ...late]);
  await pause(200);
  const before = running;
  const pair = [limit(work(500)), limit(work(500))].map(outcome);
  await pause(100);
  console.log(`after ${waiting} that were rejected: ${before} at work, of two new calls ${running} begin at once`);
  console.log(`  the second: ${(await Promise.all(pair))[1]}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
after 0 that were rejected: 0 at work, of two new calls 2 begin at once
  the second: done
after 1 that were rejected: 0 at work, of two new calls 1 begin at once
  the second: done
after 2 that were rejected: 0 at work, of two new calls 0 begin at once
  the second: rejected, queue maxDelay timeout exceeded
END
echo "as found: p-ratelimit 1.0.1"
