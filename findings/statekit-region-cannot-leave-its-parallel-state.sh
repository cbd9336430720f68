#!/usr/bin/env bash
# github.com/felixgeelhaar/statekit v1.0.1, npm xstate 5.33.3.
#
# Guess: a transition from a state in a region to one outside the parallel state leaves the parallel state, as in
#        xstate, whose machines statekit imitates; or Build refuses it.
# Seen:  Build accepts it, and the event runs the exit action of the state and the action of the transition, but
#        nothing is entered: the machine says that it is still in that state, whose timers are cancelled and whose
#        exit action runs again at the next event.
set -euo pipefail
for command in node npm; do
	command -v "$command" >/dev/null || { echo "install the Debian packages nodejs and npm" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm pack --silent xstate@5.33.3 >/dev/null
tar xzf xstate-5.33.3.tgz
cat >run.js <<'END'
const { createActor, createMachine } = require('./package/dist/xstate.cjs.js');
const machine = createMachine({
  initial: 'active',
  states: {
    active: {
      type: 'parallel',
      states: {
        lock: { initial: 'held', states: { held: {} } },
        work: {
          initial: 'busy',
          states: { busy: { exit: () => console.log('exit busy'), on: { ABORT: '#stopped' } } },
        },
      },
    },
    stopped: { id: 'stopped', entry: () => console.log('enter stopped') },
  },
});
const actor = createActor(machine).start();
actor.send({ type: 'ABORT' });
console.log('xstate:', JSON.stringify(actor.getSnapshot().value));
END
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/felixgeelhaar/statekit v1.0.1
END
cat >main.go <<'END'
package main

import (
	"fmt"

	"github.com/felixgeelhaar/statekit"
)

func main() {
	say := func(text string) statekit.Action[struct{}] {
		return func(*struct{}, statekit.Event) { fmt.Println(text) }
	}
	machine, err := statekit.NewMachine[struct{}]("job").WithInitial("active").
		WithAction("leave", say("exit busy")).WithAction("abort", say("abort")).WithAction("stop", say("enter stopped")).
		State("active").Parallel().
		Region("lock").WithInitial("held").State("held").EndState().EndRegion().
		Region("work").WithInitial("busy").State("busy").OnExit("leave").On("ABORT").Target("stopped").Do("abort").EndState().EndRegion().
		Done().
		State("stopped").OnEntry("stop").Done().
		Build()
	fmt.Println("built:", err)
	if err != nil {
		return
	}
	m := statekit.NewInterpreter(machine)
	m.Start()
	for range 2 {
		m.Send(statekit.Event{Type: "ABORT"})
		fmt.Println("statekit:", m.State().Value, m.State().ActiveInParallel)
	}
}
END
{ timeout 20 node run.js; GOWORK=off GOFLAGS=-mod=mod timeout 100 go run . 2>/dev/null; } | tee seen
diff seen - <<'END'
exit busy
enter stopped
xstate: "stopped"
built: <nil>
exit busy
abort
statekit: active map[lock:held work:busy]
exit busy
abort
statekit: active map[lock:held work:busy]
END
echo "as found: statekit v1.0.1"
