#!/usr/bin/env bash
# proper-lockfile 4.1.2 (npm).
#
# Guess: a holder that was too busy to refresh its lock for longer than `stale`, so that another process has taken it, is
#        told so by release(): the README says that late updates are detected and that release rejects for a lock that
#        is compromised.
# Seen:  if the holder was busy up to its release(), release() succeeds and removes the lock of the next holder: a third
#        gets it beside that one. Only the timer of the updates compares the mtime of the lock with one's own, and a
#        blocked event loop reaches release() before that timer.
set -euo pipefail
command -v npm >/dev/null || { echo "install node and npm" >&2; exit 1; }
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
timeout 60 npm install --silent --no-fund --no-audit proper-lockfile@4.1.2 >/dev/null
cat >run.js <<'END'
const fs = require('fs');
const { setTimeout: sleep } = require('timers/promises');
const lockfile = require('proper-lockfile');

const [role, busy] = process.argv.slice(2);
const options = { stale: 5000, onCompromised() {} };
const say = (text) => console.log(`${role}: ${text}`);
const seen = async (file) => { while (!fs.existsSync(file)) await sleep(50); };

const roles = {
  async first() {
    const release = await lockfile.lock('job', options);
    say('has the lock');
    fs.writeFileSync('first', '');
    if (busy === 'blocked') {
      const cell = new Int32Array(new SharedArrayBuffer(4));
      while (!fs.existsSync('next')) Atomics.wait(cell, 0, 0, 50); // work that blocks the event loop
    } else await seen('next-gave-up');
    await release().then(() => say('release succeeds'), (err) => say('release fails: ' + err.code));
    fs.writeFileSync('released', '');
  },
  async next() {
    await seen('first');
    let release;
    for (let i = 0; i < (busy === 'blocked' ? 200 : 100) && !release; i++) {
      release = await lockfile.lock('job', options).catch(() => sleep(100));
    }
    say(release ? 'has the lock' : 'does not get the lock');
    fs.writeFileSync(release ? 'next' : 'next-gave-up', '');
    await seen('third');
    process.exit();
  },
  async third() {
    await seen('released');
    say(await lockfile.lock('job', options).then(() => 'has the lock', (err) => 'is refused: ' + err.code));
    fs.writeFileSync('third', '');
  },
};
roles[role]();
END
for busy in waiting blocked; do
	rm -rf job job.lock first next next-gave-up released third
	touch job
	echo "the first holder's event loop is $busy"
	for role in first next third; do timeout 40 node run.js $role $busy & done
	wait
done | tee seen
diff seen - <<'END'
the first holder's event loop is waiting
first: has the lock
next: does not get the lock
first: release succeeds
third: has the lock
the first holder's event loop is blocked
first: has the lock
next: has the lock
first: release succeeds
third: has the lock
END
echo "as found: proper-lockfile 4.1.2"
