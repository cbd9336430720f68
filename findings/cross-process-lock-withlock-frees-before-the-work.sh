#!/usr/bin/env bash
# npm cross-process-lock 2.2.0, in two processes of node.
#
# Guess: `withLock(file, callback)`, documented to unlock after the execution of a callback that returns a promise, keeps
#        another process out until that promise is settled.
# Seen:  the lock is freed as soon as the callback has returned its promise, at its first await: the second process is in
#        while the first is at work. The callback's promise is returned within a try block without an await, so that the
#        unlock in `finally` comes first. With `lock` and `unlock` the second process waits.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	cross-process-lock@2.2.0 >/dev/null
cat >run.js <<'END'
const { lock, withLock } = require('cross-process-lock');
const fs = require('fs');
const [how, name] = process.argv.slice(2);
const until = async (file) => {
  for (let i = 0; i < 200 && !fs.existsSync(file); i++) await new Promise((done) => setTimeout(done, 50));
};
const work = async () => {
  if (name === 'second') return fs.writeFileSync(`${how} second was in`, '');
  fs.writeFileSync(`${how} first is in`, '');
  await new Promise((done) => setTimeout(done, 4000));
  const second = fs.existsSync(`${how} second was in`) ? 'has been in' : 'waits';
  console.log(`${how}: at the end of the first one's work the second ${second}`);
};
(async () => {
  if (name === 'second') await until(`${how} first is in`);
  if (how === 'withLock') return withLock('jobs', work);
  const unlock = await lock('jobs');
  await work();
  await unlock();
})();
END
echo content >jobs
for how in lock withLock; do
	timeout 40 node run.js "$how" second & second=$!
	timeout 40 node run.js "$how" first
	wait "$second"
done | tee seen
diff seen - <<'END'
lock: at the end of the first one's work the second waits
withLock: at the end of the first one's work the second has been in
END
echo "as found: cross-process-lock 2.2.0"
