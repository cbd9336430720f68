#!/usr/bin/env bash
# npm db-lock 1.2.0, in node.
#
# Guess: an `enter()` whose own `enter` function is rejected, as of a transaction that cannot be opened, has taken no place:
#        the next `enter()` tries again.
# Seen:  with `maxParallel` the failed one keeps its place for good. After as many failures as there are places each `enter()`
#        waits for ever, and nobody is in to call `exit()`. The count goes up before the function is called, and only an
#        exit sets it back; without `maxParallel` the next one tries again.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	db-lock@1.2.0 >/dev/null
cat >run.mjs <<'END'
import DBLock from 'db-lock';

const pause = (ms) => new Promise((done) => setTimeout(done, ms));
for (const options of [{}, { maxParallel: 2 }]) {
  console.log('options', JSON.stringify(options));
  let opened = 0;
  const lock = new DBLock({
    ...options,
    async enter () {
      opened++;
      if (opened <= 2) throw new Error('cannot open');
      return `transaction ${opened}`;
    },
    async exit () {},
  });
  for (let i = 0; i < 3; i++) {
    const outcome = lock.enter().catch((error) => error.message);
    console.log('  enter:', await Promise.race([outcome, pause(1000).then(() => 'waits')]), 'with', lock.entered, 'in');
  }
}
process.exit();
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
options {}
  enter: cannot open with 0 in
  enter: cannot open with 0 in
  enter: transaction 3 with 1 in
options {"maxParallel":2}
  enter: cannot open with 0 in
  enter: cannot open with 0 in
  enter: waits with 0 in
END
echo "as found: db-lock 1.2.0"
