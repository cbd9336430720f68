#!/usr/bin/env bash
# npm node-schedule 2.1.1, in node.
#
# Guess: gracefulShutdown() waits for every job that is at work: it "will wait until all jobs are terminated", and what
#        follows it is to end the process.
# Seen:  it waits for recurring jobs alone. A job with a date, or one that was cancelled, is off the list when its last
#        run begins or before it ends, and gracefulShutdown is done at once while job.running is 1: the process ends
#        in the middle of the run.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" node-schedule@2.1.1 >/dev/null
cat >run.mjs <<'END'
import schedule from 'node-schedule';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const everySecond = () => '* * * * * *';
for (const [name, when, cancel] of [
  ['a recurring job', everySecond, false],
  ['a recurring job, cancelled while at work', everySecond, true],
  ['a job with a date', () => new Date(Date.now() + 1500), false],
]) {
  let begin, ended = false;
  const begun = new Promise((done) => { begin = done; });
  const job = schedule.scheduleJob(when(), async () => {
    begin();
    await sleep(6000);
    ended = true;
  });
  await begun;
  await sleep(200);
  if (cancel) job.cancel();
  await schedule.gracefulShutdown();
  console.log(`${name}: after gracefulShutdown: the run has ended: ${ended}, job.running: ${job.running}`);
  await sleep(7000);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
a recurring job: after gracefulShutdown: the run has ended: true, job.running: 0
a recurring job, cancelled while at work: after gracefulShutdown: the run has ended: false, job.running: 1
a job with a date: after gracefulShutdown: the run has ended: false, job.running: 1
END
echo "as found: node-schedule 2.1.1"
