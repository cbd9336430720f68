#!/usr/bin/env bash
# npm bottleneck 2.19.5, in node.
#
# Guess: a Group with maxConcurrent 1 runs one job of a key at a time, however long: "Limiters that have been idle for
#        longer than 5 minutes are deleted", and one whose job is running is not idle.
# Seen:  the limiter of a job that runs for longer than "timeout", five minutes by default, is deleted under it: running()
#        of the key is 0, and the next job of the key runs beside the first. The cleanup looks at the moment when the
#        last job could begin, not at those at work. A limiter without a Group keeps to one.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 200 npm install --silent --no-save --prefix "$dir" bottleneck@2.19.5 >/dev/null
cat >run.mjs <<'END'
import Bottleneck from 'bottleneck';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const group = new Bottleneck.Group({ maxConcurrent: 1, timeout: 1000 });
const limiter = new Bottleneck({ maxConcurrent: 1, timeout: 1000 });
for (const [name, limit] of [['a limiter of a Group', () => group.key('job')], ['a limiter', () => limiter]]) {
  let atWork = 0, most = 0;
  const job = async () => {
    most = Math.max(most, ++atWork);
    await sleep(8000);
    atWork--;
  };
  const first = limit().schedule(job);
  await sleep(4000);
  console.log(`${name}, timeout 1 s, a job that takes 8 s: running after 4 s: ${await limit().running()}`);
  await Promise.all([first, limit().schedule(job)]);
  console.log(`${name}: at work at a time: ${most}`);
}
process.exit(0);
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
a limiter of a Group, timeout 1 s, a job that takes 8 s: running after 4 s: 0
a limiter of a Group: at work at a time: 2
a limiter, timeout 1 s, a job that takes 8 s: running after 4 s: 1
a limiter: at work at a time: 1
END
echo "as found: bottleneck 2.19.5"
