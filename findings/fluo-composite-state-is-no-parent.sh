#!/usr/bin/env bash
# github.com/anggasct/fluo v1.0.0, Go 1.26.
#
# Guess: a transition of a composite state holds in all its states ("Can exit from any substate", says the README), its
#        OnEntry and OnExit are called, and IsInState says true of it within.
# Seen:  the event is refused in every state within, so that there is no way out; the entry and exit actions are never
#        called, nor those of a parallel state; IsInState says false. The builder makes states with a dot in their name,
#        and never sets their parent, in which all this is looked up; OnEntry and OnExit of the two builders are empty.
#        A transition has to be written for each state within. And the entry action of a region's first state is called
#        twice, as the way into the parallel state is gone before and after the look for a choice or a fork.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/anggasct/fluo v1.0.0
END
cat >main.go <<'END'
package main

import (
	"fmt"

	"github.com/anggasct/fluo"
)

func main() {
	said := func(what string) fluo.ActionFunc {
		return func(fluo.Context) error { fmt.Println("  ", what); return nil }
	}
	b := fluo.NewMachine()
	b.State("free").Initial().To("held").On("acquire")
	held := b.CompositeState("held").OnEntry(said("enters held")).OnExit(said("leaves held"))
	held.State("fresh").Initial().OnEntry(said("enters fresh")).To("stale").On("age")
	held.State("stale").To("fresh").On("renew")
	held.End()
	b.CompositeState("held").To("free").On("release")
	b.State("free").To("both").On("work")
	both := b.ParallelState("both").OnEntry(said("enters both")).OnExit(said("leaves both"))
	both.Region("one").State("running").Initial().OnEntry(said("enters running"))
	both.End()
	b.ParallelState("both").To("free").On("end")

	m := b.Build().CreateInstance()
	if err := m.Start(); err != nil {
		panic(err)
	}
	for _, event := range []string{"work", "end", "acquire", "release", "age", "release"} {
		accepted := m.SendEvent(event, nil).Processed
		fmt.Printf("%s: accepted %v, now in %s, IsInState(held) %v\n", event, accepted, m.CurrentState(), m.IsInState("held"))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 30 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
   enters running
   enters running
work: accepted true, now in both, IsInState(held) false
end: accepted true, now in free, IsInState(held) false
   enters fresh
acquire: accepted true, now in held.fresh, IsInState(held) false
release: accepted false, now in held.fresh, IsInState(held) false
age: accepted true, now in held.stale, IsInState(held) false
release: accepted false, now in held.stale, IsInState(held) false
END
echo "as found: fluo v1.0.0"
