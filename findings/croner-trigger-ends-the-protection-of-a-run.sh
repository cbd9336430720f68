#!/usr/bin/env bash
# npm croner 11.0.1, Node.js 20.
#
# Guess: with `protect: true`, which "will block new triggers as long as an old trigger is in progress", a `trigger()`
#        during a run is blocked, or is at most one forced run; the schedule starts nothing until the long run has ended.
# Seen:  `trigger()` starts a run beside the long one, and when that short run ends the schedule goes on beside the long
#        one as well, while `isBusy()` says false. Only the schedule looks at the protection, and each run of either kind
#        sets one and the same flag when it begins and clears it when it ends.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" croner@11.0.1 >/dev/null
cat >run.mjs <<'END'
import { Cron } from 'croner';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const round = async (what, trigger) => {
  console.log(what);
  let runs = 0;
  let beside = 0;
  let end;
  const job = new Cron('* * * * * *', { protect: true }, async () => {
    runs += 1;
    if (runs > 1) beside += 1;
    else await new Promise((done) => { end = done; });
  });
  while (runs === 0) await sleep(20);
  if (trigger) {
    await job.trigger();
    console.log(`  runs beside the long one after trigger(): ${beside}`);
  }
  console.log(`  the long run is at work, isBusy(): ${job.isBusy()}`);
  const before = beside;
  for (let i = 0; i < (trigger ? 500 : 100) && beside === before; i += 1) await sleep(40);
  console.log(`  runs of the schedule beside it: ${beside > before ? 'some' : 'none'}`);
  job.stop();
  end();
};
await round('without trigger()', false);
await round('with trigger()', true);
END
timeout 40 node run.mjs | tee seen
diff seen - <<'END'
without trigger()
  the long run is at work, isBusy(): true
  runs of the schedule beside it: none
with trigger()
  runs beside the long one after trigger(): 1
  the long run is at work, isBusy(): false
  runs of the schedule beside it: some
END
echo "as found: croner 11.0.1"
