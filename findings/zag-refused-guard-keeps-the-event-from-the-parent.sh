#!/usr/bin/env bash
# npm @zag-js/core 1.44.0, @zag-js/vanilla 1.44.0, xstate 5.33.3, in node.
#
# Guess: an event that a nested state has a transition for, whose guard says no, goes on to the transition that the parent
#        state has for it, as in xstate and SCXML: @zag-js/core is "a minimal implementation of xstate fsm".
# Seen:  it is dropped. The innermost state that names the event is found first, without its guards, and only its
#        transitions are then asked; neither the parent's nor the machine's own one is.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
timeout 90 npm install --silent --no-save --prefix "$dir" @zag-js/core@1.44.0 @zag-js/vanilla@1.44.0 xstate@5.33.3 >/dev/null
cat >run.mjs <<'END'
import { createMachine } from '@zag-js/core';
import { VanillaMachine } from '@zag-js/vanilla';
import * as xstate from 'xstate';

const states = (guarded) => ({
  held: {
    initial: 'renewing',
    states: {
      renewing: guarded ? { on: { EXPIRE: { guard: () => false, target: 'grace' } } } : {},
      grace: {},
    },
    on: { EXPIRE: { target: 'lost' } },
  },
  lost: {},
});
for (const guarded of [false, true]) {
  const zag = new VanillaMachine(createMachine({ initialState() { return 'held'; }, states: states(guarded) }), { id: 'm' });
  zag.start();
  zag.service.send({ type: 'EXPIRE' });
  const actor = xstate.createActor(xstate.createMachine({ initial: 'held', states: states(guarded) })).start();
  actor.send({ type: 'EXPIRE' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  console.log(`with a guarded transition in the nested state: ${guarded}: zag ${zag.state.get()}, xstate ${JSON.stringify(actor.getSnapshot().value)}`);
}
END
timeout 20 node run.mjs | tee seen
diff seen - <<'END'
with a guarded transition in the nested state: false: zag lost, xstate "lost"
with a guarded transition in the nested state: true: zag held.renewing, xstate "lost"
END
echo "as found: @zag-js/core 1.44.0"
