#!/usr/bin/env bash
# github.com/looplab/fsm v1.0.3, Go 1.26.
#
# Guess: an Event whose context has ended fails and leaves the machine as it was: the same event with another
#        context succeeds. So does an event after CancelTransition of an asynchronous one.
# Seen:  the machine stays in its state, and in transition: every later Event fails with "previous transition
#        did not complete". Transition returns nil and changes nothing, and SetState does not end it.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/looplab/fsm v1.0.3
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/looplab/fsm"
)

func machine(callbacks fsm.Callbacks) *fsm.FSM {
	return fsm.NewFSM("idle", fsm.Events{
		{Name: "start", Src: []string{"idle"}, Dst: "running"},
		{Name: "stop", Src: []string{"running"}, Dst: "idle"},
	}, callbacks)
}

func main() {
	ctx := context.Background()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	m := machine(nil)
	fmt.Println("start with an ended context:", m.Event(ended, "start"))
	fmt.Println("start:", m.Event(ctx, "start"))
	fmt.Println("Transition:", m.Transition())
	fmt.Println("start:", m.Event(ctx, "start"))
	m.SetState("running")
	fmt.Println("stop after SetState(running):", m.Event(ctx, "stop"))

	m = machine(fsm.Callbacks{"leave_idle": func(_ context.Context, e *fsm.Event) { e.Async() }})
	var async fsm.AsyncError
	fmt.Println("asynchronous start:", errors.As(m.Event(ctx, "start"), &async))
	async.CancelTransition()
	fmt.Println("Transition after CancelTransition:", m.Transition())
	fmt.Println("start in", m.Current()+":", m.Event(ctx, "start"))
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
start with an ended context: context canceled
start: event start inappropriate because previous transition did not complete
Transition: <nil>
start: event start inappropriate because previous transition did not complete
stop after SetState(running): event stop inappropriate because previous transition did not complete
asynchronous start: true
Transition after CancelTransition: <nil>
start in idle: event start inappropriate because previous transition did not complete
END
echo "as found: looplab/fsm v1.0.3"
