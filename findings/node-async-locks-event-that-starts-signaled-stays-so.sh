#!/usr/bin/env bash
# npm node-async-locks 2.1.2, in node.
#
# Guess: a ResetEvent with `autoResetCount: 1`, documented as the number of callbacks to call before it becomes non-signaled,
#        lets one through and then makes the others wait, like the AutoResetEvent of C# that it is based on.
# Seen:  one that is made signaled lets everybody through until it has been reset by hand once; one that is made non-signaled
#        and then set does as guessed. The count is filled in by `set` only: before, it is undefined, and less one NaN.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 120 npm install --silent --no-save --no-audit --no-fund --ignore-scripts --prefix "$dir" \
	node-async-locks@2.1.2 >/dev/null
cat >run.mjs <<'END'
import locks from 'node-async-locks';

const tryThree = (event) => {
  const through = [];
  for (const name of ['first', 'second', 'third']) event.wait(() => through.push(name));
  return through.join(', ');
};
const made = new locks.ResetEvent(true, { autoResetCount: 1 });
console.log('made signaled:', tryThree(made));
console.log('  and again:', tryThree(made));
const set = new locks.ResetEvent(false, { autoResetCount: 1 });
set.set();
console.log('set later:', tryThree(set));
END
timeout 60 node run.mjs | tee seen
diff seen - <<'END'
made signaled: first, second, third
  and again: first, second, third
set later: first
END
echo "as found: node-async-locks 2.1.2"
