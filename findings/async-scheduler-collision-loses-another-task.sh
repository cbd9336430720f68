#!/usr/bin/env bash
# npm async-scheduler 1.4.4, in node.
#
# Guess: a new task whose `onTaskCollision` says KEEP_THIS, or RESOLVE_THIS, while the other is at work, concerns these two tasks
#        only: those in the queue run, and their promises are settled.
# Seen:  the last task of the queue is lost when the one at work ends: it never runs, and its promise stays open. The task at
#        work is taken out of the list at the collision, and at its end it is taken out once more, at the place -1, which
#        is the last one.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	async-scheduler@1.4.4 >/dev/null
cat >run.mjs <<'END'
import asyncScheduler from 'async-scheduler';

const { Scheduler, TaskCollisionStrategy } = asyncScheduler;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
for (const strategy of ['none', 'KEEP_OTHER', 'KEEP_THIS', 'RESOLVE_THIS']) {
  const scheduler = new Scheduler(1, { disableLogging: true });
  const ran = [];
  const settled = [];
  const add = (name, options = {}) => {
    const execute = async () => { ran.push(name); await pause(300); };
    scheduler.enqueue({ priority: 0, execute, ...options }).then(() => settled.push(name), () => settled.push(name));
  };
  add('save', { mutex: 1 });
  await pause(100);
  if (strategy !== 'none') add('save again', { mutex: 1, onTaskCollision: () => TaskCollisionStrategy[strategy] });
  add('mail');
  add('log');
  await pause(3000);
  console.log(`${strategy}: ran ${ran.join(', ')}; settled ${settled.sort().join(', ')}`);
}
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
none: ran save, mail, log; settled log, mail, save
KEEP_OTHER: ran save, mail, log; settled log, mail, save, save again
KEEP_THIS: ran save, save again, mail; settled mail, save, save again
RESOLVE_THIS: ran save, save again, mail; settled mail, save, save again
END
echo "as found: async-scheduler 1.4.4"
