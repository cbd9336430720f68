#!/usr/bin/env bash
# npm @zag-js/core 1.44.0 and @zag-js/vanilla 1.44.0, in node.
#
# Guess: once stop() of a VanillaMachine has returned, the machine does nothing more: an event sent right before is
#        handled or dropped, and what a state's effects began is cleaned up. A machine that is started again begins anew.
# Seen:  the event is handled after the stop. It enters its state and starts that state's effects, such as a renewal,
#        which nothing ends any more, as the stop has called the clean-ups that there were. send() asks whether the machine
#        runs, and puts the rest off to a microtask that does not ask again. A start after a stop runs the entry actions
#        and effects of the initial state while the machine is in the state in which it was stopped: the effects of that
#        one do not come back, and those of the initial state run in it.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" @zag-js/core@1.44.0 @zag-js/vanilla@1.44.0 >/dev/null
cat >run.mjs <<'END'
import { createMachine } from '@zag-js/core';
import { VanillaMachine } from '@zag-js/vanilla';

let log = [];
const work = (name) => () => { log.push(`${name} begins`); return () => log.push(`${name} ends`); };
const machine = createMachine({
  initialState() { return 'waiting'; },
  states: {
    waiting: { effects: ['wait'], on: { TAKE: { target: 'held' } } },
    held: { effects: ['renew'], on: { FREE: { target: 'waiting' } } },
  },
  implementations: { effects: { wait: work('wait'), renew: work('renewal') } },
});
const settle = () => new Promise((resolve) => setTimeout(resolve, 50));

const one = new VanillaMachine(machine, { id: 'one' });
one.start();
one.service.send({ type: 'TAKE' });
one.stop();
log.push('stopped');
await settle();
console.log(`sent before the stop: ${log.join(', ')}; in ${one.state.get()}`);

log = [];
const two = new VanillaMachine(machine, { id: 'two' });
two.start();
two.service.send({ type: 'TAKE' });
await settle();
two.stop();
log.push('stopped');
two.start();
await settle();
console.log(`started again: ${log.join(', ')}; in ${two.state.get()}`);
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
sent before the stop: wait begins, wait ends, stopped, renewal begins; in held
started again: wait begins, wait ends, renewal begins, renewal ends, stopped, wait begins; in held
END
echo "as found: @zag-js/vanilla 1.44.0"
