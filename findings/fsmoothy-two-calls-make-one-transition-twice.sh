#!/usr/bin/env bash
# npm @fsmoothy/core 1.4.0.
#
# Guess: of two calls of one event in the same state, one makes the transition and the other is refused, as it is
#        when it comes a moment later: transitions are asynchronous, so the machine holds them apart.
# Seen:  both succeed, and the callbacks of both run: two callers take the same lock. A guard that looks at the
#        data does not help, since both guards run before either callback. (Each call asks whether it may, waits
#        for promises, and then moves, and nothing is kept between.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts @fsmoothy/core@1.4.0 >/dev/null
cat >run.js <<'END'
const { StateMachine, t } = require('@fsmoothy/core');
const outcome = (results) => results.map((r) => (r.status === 'fulfilled' ? 'succeeded' : r.reason.name)).join(', ');
(async () => {
  for (const together of [false, true]) {
    const holders = [];
    const lock = new StateMachine({
      id: 'lock',
      initial: 'free',
      data: () => ({ holder: null }),
      transitions: [
        t('free', 'take', 'held', {
          guard: ({ data }) => data.holder === null,
          onEnter: ({ data }, who) => {
            data.holder = who;
            holders.push(who);
          },
        }),
        t('held', 'release', 'free'),
      ],
    });
    const calls = [];
    for (const who of ['a', 'b']) {
      calls.push(lock.transition('take', who));
      if (!together) await Promise.allSettled(calls);
    }
    console.log(`${together ? 'together' : 'one after the other'}: ${outcome(await Promise.allSettled(calls))}; taken by: ${holders}`);
  }
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
one after the other: succeeded, StateMachineTransitionError; taken by: a
together: succeeded, succeeded; taken by: a,b
END
echo "as found: @fsmoothy/core 1.4.0"
