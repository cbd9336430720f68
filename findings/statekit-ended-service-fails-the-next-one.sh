#!/usr/bin/env bash
# github.com/felixgeelhaar/statekit v1.0.1, Go 1.26.
#
# Guess: a service whose state has been left is over: what it returns then has no effect.
# Seen:  when it returns, statekit asks only whether the machine is in a state of that name. If the state has been
#        entered again by then, the error of the old service, "context canceled", takes the OnError transition of
#        the new one, which is at work. A nil error would take OnDone.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/felixgeelhaar/statekit v1.0.1
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/felixgeelhaar/statekit"
)

func main() {
	var started atomic.Int32
	first := make(chan struct{})
	machine, err := statekit.NewMachine[struct{}]("job").WithInitial("idle").
		WithService("work", func(s statekit.ServiceContext[struct{}]) error {
			ctx := s.Context.(context.Context)
			n := started.Add(1)
			<-ctx.Done()
			if n == 1 {
				<-first // it puts its things away
			}
			return ctx.Err()
		}).
		WithAction("tell", func(_ *struct{}, e statekit.Event) { fmt.Println("entered failed:", e.Payload) }).
		State("idle").On("START").Target("running").Done().
		State("running").Invoke("work").OnError("failed").End().On("STOP").Target("idle").Done().
		State("failed").OnEntry("tell").Done().
		Build()
	if err != nil {
		panic(err)
	}
	m := statekit.NewInterpreter(machine)
	m.Start()
	defer m.Stop()
	wait := func(n int32) {
		for started.Load() < n {
			time.Sleep(time.Millisecond)
		}
	}
	m.Send(statekit.Event{Type: "START"})
	wait(1)
	m.Send(statekit.Event{Type: "STOP"})
	m.Send(statekit.Event{Type: "START"})
	wait(2)
	fmt.Println("second service at work:", m.State().Value)
	close(first)
	time.Sleep(500 * time.Millisecond)
	fmt.Println("first service over:", m.State().Value)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 100 go run . 2>/dev/null | tee seen
diff seen - <<'END'
second service at work: running
entered failed: context canceled
first service over: failed
END
echo "as found: statekit v1.0.1"
