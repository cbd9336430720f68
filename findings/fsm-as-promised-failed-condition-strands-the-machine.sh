#!/usr/bin/env bash
# npm fsm-as-promised 0.17.1.
#
# Guess: a conditional transition whose condition fails leaves the machine where it was, as one does whose other
#        callbacks fail: the event can be sent again.
# Seen:  the machine is in a state that nobody has named, "idle__choose", and refuses the event there. So it is for
#        a condition that throws and for one whose promise is rejected; with one that chooses nothing valid, the
#        machine is back where it was. (The library enters a state of its own before it asks the condition, and its
#        handler of errors does not go back.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts fsm-as-promised@0.17.1 >/dev/null
cat >run.js <<'END'
const StateMachine = require('fsm-as-promised').default;
const failures = {
  'onchoose is rejected': { callback: () => Promise.reject(new Error('no connection')) },
  'the condition chooses nothing': { condition: () => undefined },
  'the condition throws': { condition: () => { throw new Error('no connection'); } },
  'the condition is rejected': { condition: () => Promise.reject(new Error('no connection')) },
};
(async () => {
  for (const [name, { callback, condition }] of Object.entries(failures)) {
    let down = true;
    const machine = StateMachine({
      initial: 'idle',
      events: [{ name: 'choose', from: 'idle', to: ['held', 'queued'], condition: () => (down && condition ? condition() : 'held') }],
      callbacks: { onchoose: (o) => (down && callback ? callback() : o) },
    });
    console.log(name);
    await machine.choose().catch((e) => console.log(`  choose: ${e.message}, now in ${machine.current}`));
    down = false;
    await machine.choose().catch((e) => console.log(`  choose: ${e.message}`));
    console.log(`  now in ${machine.current}`);
  }
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
onchoose is rejected
  choose: no connection, now in idle
  now in held
the condition chooses nothing
  choose: Choice index out of range, now in idle
  now in held
the condition throws
  choose: no connection, now in idle__choose
  choose: Invalid event in current state
  now in idle__choose
the condition is rejected
  choose: no connection, now in idle__choose
  choose: Invalid event in current state
  now in idle__choose
END
echo "as found: fsm-as-promised 0.17.1"
