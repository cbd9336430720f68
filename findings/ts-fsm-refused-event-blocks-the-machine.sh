#!/usr/bin/env bash
# npm ts-fsm 1.3.2, javascript-state-machine 3.1.0.
#
# Guess: an event that the machine refuses in its state, or one whose hook fails, leaves the machine as it was.
# Seen:  ts-fsm stays pending for ever: every later event fails with "State Machine in pending state", after an
#        event that was only refused as well. javascript-state-machine does so after a handler that throws, and
#        not after one whose promise is rejected. (ts-fsm takes its flag back only when the promise of the event is
#        fulfilled; the other one catches only rejected promises.)
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
echo '{"private": true}' >package.json
timeout 80 npm install --silent --no-audit --no-fund --ignore-scripts ts-fsm@1.3.2 javascript-state-machine@3.1.0 >/dev/null
cat >run.js <<'END'
const TsFsm = require('ts-fsm').default;
const StateMachine = require('javascript-state-machine');
const attempt = async (what, act, machine) => {
  try {
    await act();
    console.log(`  ${what}: now ${machine.state?.name ?? machine.state}`);
  } catch (e) {
    console.log(`  ${what}: ${e.message.split(' but ')[0]}`);
  }
};
const fail = {
  throws: () => { throw new Error('no connection'); },
  'is rejected': () => Promise.reject(new Error('no connection')),
};
(async () => {
  for (const [how, hook] of Object.entries(fail)) {
    let down = true;
    const work = () => (down ? hook() : true);
    console.log(`ts-fsm, a hook ${how}`);
    const ts = new TsFsm(
      'idle', [{ name: 'idle' }, { name: 'busy' }],
      [{ name: 'start', from: 'idle', to: 'busy', before: work }, { name: 'stop', from: 'busy', to: 'idle' }],
    );
    await attempt('start', () => ts.doTransition('start'), ts);
    console.log(`javascript-state-machine, a handler ${how}`);
    const js = new StateMachine({
      init: 'idle',
      transitions: [{ name: 'start', from: 'idle', to: 'busy' }],
      methods: { onBeforeStart: work },
    });
    await attempt('start', () => js.start(), js);
    down = false;
    await attempt('start of javascript-state-machine', () => js.start(), js);
    await attempt('start of ts-fsm', () => ts.doTransition('start'), ts);
  }
  console.log('ts-fsm, an event that does not fit the state');
  const ts = new TsFsm(
    'idle', [{ name: 'idle' }, { name: 'busy' }],
    [{ name: 'start', from: 'idle', to: 'busy' }, { name: 'stop', from: 'busy', to: 'idle' }],
  );
  await attempt('stop', () => ts.doTransition('stop'), ts);
  await attempt('start', () => ts.doTransition('start'), ts);
})();
END
timeout 30 node run.js | tee seen
diff seen - <<'END'
ts-fsm, a hook throws
  start: no connection
javascript-state-machine, a handler throws
  start: no connection
  start of javascript-state-machine: transition is invalid while previous transition is still in progress
  start of ts-fsm: State Machine in pending state.
ts-fsm, a hook is rejected
  start: no connection
javascript-state-machine, a handler is rejected
  start: no connection
  start of javascript-state-machine: now busy
  start of ts-fsm: State Machine in pending state.
ts-fsm, an event that does not fit the state
  stop: State machine can do "start" transition(s)
  start: State Machine in pending state.
END
echo "as found: ts-fsm 1.3.2, javascript-state-machine 3.1.0"
