#!/usr/bin/env bash
# github.com/felixgeelhaar/statekit v1.0.1, Go 1.26.
#
# Guess: an interpreter of NewPersistentInterpreter, built again from its event store after a Commit, is in the
#        state that it was in. The comment at Send says that every event that matches a transition is recorded.
# Seen:  an event is recorded if the value of the state or the context changes. Within a parallel state the value
#        is that of the parallel state, so the moves of its regions are not recorded and are lost. A transition
#        of After is no event, so it is not recorded either: the next event is then replayed in another state,
#        and the end is one that the machine never was in. Nothing fails, though each record has its StateAfter.
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
	"time"

	"github.com/felixgeelhaar/statekit"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	ctx := context.Background()
	regions := must(statekit.NewMachine[struct{}]("regions").WithInitial("active").
		State("active").Parallel().
		Region("lock").WithInitial("free").
		State("free").On("TAKE").Target("held").EndState().
		State("held").EndState().
		EndRegion().
		Region("work").WithInitial("idle").
		State("idle").On("RUN").Target("busy").EndState().
		State("busy").EndState().
		EndRegion().
		Done().
		Build())
	delay := must(statekit.NewMachine[struct{}]("delay").WithInitial("held").
		State("held").After(50 * time.Millisecond).Target("lost").On("END").Target("done").Done().
		State("lost").On("END").Target("failed").Done().
		State("done").Done().
		State("failed").Done().
		Build())

	store := statekit.NewMemoryEventStore()
	show := func(name string, p *statekit.PersistentInterpreter[struct{}]) {
		fmt.Println(name, p.State().Value, p.State().ActiveInParallel)
	}
	p := must(statekit.NewPersistentInterpreter(ctx, "a", regions, store))
	p.Send(statekit.Event{Type: "TAKE"})
	p.Send(statekit.Event{Type: "RUN"})
	show("regions before:", p)
	fmt.Println("committed:", must(p.Commit(ctx)))
	show("regions after:", must(statekit.NewPersistentInterpreter(ctx, "a", regions, store)))

	p = must(statekit.NewPersistentInterpreter(ctx, "b", delay, store))
	for p.State().Value != "lost" {
		time.Sleep(10 * time.Millisecond)
	}
	p.Send(statekit.Event{Type: "END"})
	show("delay before:", p)
	fmt.Println("committed:", must(p.Commit(ctx)))
	fmt.Println("state in the record:", must(store.LoadEvents(ctx, "b", 0))[0].StateAfter)
	show("delay after:", must(statekit.NewPersistentInterpreter(ctx, "b", delay, store)))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 100 go run . 2>/dev/null | tee seen
diff seen - <<'END'
regions before: active map[lock:held work:busy]
committed: 0
regions after: active map[lock:free work:idle]
delay before: failed map[]
committed: 1
state in the record: failed
delay after: done map[]
END
echo "as found: statekit v1.0.1"
