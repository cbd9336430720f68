#!/usr/bin/env bash
# npm toad-scheduler 4.1.0, Node.js 20.
#
# Guess: with `preventOverrun`, "prevents a second instance of the task from being fired up while the first one is still
#        executing", a job that is stopped and started again while its task is at work waits for that run's end, as an
#        interval that comes due does. That is so for `executeAsync` too: "respects the preventOverrun check".
# Seen:  with `runImmediately`, `startById` begins a second run beside the first. When the shorter of the two ends, the
#        next interval begins a third beside the other. `start` does not look whether the task is at work, and all
#        runs share one flag, which the first to end clears.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 80 npm install --silent --no-save --prefix "$dir" toad-scheduler@4.1.0 >/dev/null
cat >run.mjs <<'END'
import { AsyncTask, SimpleIntervalJob, ToadScheduler } from 'toad-scheduler';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const round = async (what, again) => {
  console.log(what);
  const scheduler = new ToadScheduler();
  const ends = [];
  const task = new AsyncTask('task', () => new Promise((done) => { ends.push(done); }));
  const job = new SimpleIntervalJob({ milliseconds: 500, runImmediately: true }, task, { id: 'job', preventOverrun: true });
  scheduler.addSimpleIntervalJob(job);
  await sleep(1500);
  console.log(`  runs begun while the first is at work: ${ends.length}`);
  await again(scheduler, job);
  console.log(`  runs begun after that: ${ends.length}`);
  if (ends.length > 1) {
    ends[1]();
    for (let i = 0; i < 200 && ends.length < 3; i += 1) await sleep(40);
    console.log(`  the second has ended, the first has not; runs begun: ${ends.length}`);
  }
  scheduler.stop();
  for (const end of ends) end();
};
await round('executeAsync', (scheduler, job) => job.executeAsync());
await round('stopById, startById', (scheduler) => { scheduler.stopById('job'); scheduler.startById('job'); });
END
timeout 40 node run.mjs | tee seen
diff seen - <<'END'
executeAsync
  runs begun while the first is at work: 1
  runs begun after that: 1
stopById, startById
  runs begun while the first is at work: 1
  runs begun after that: 2
  the second has ended, the first has not; runs begun: 3
END
echo "as found: toad-scheduler 4.1.0"
