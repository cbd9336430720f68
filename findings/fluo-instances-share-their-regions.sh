#!/usr/bin/env bash
# github.com/anggasct/fluo v1.0.0, Go 1.26.
#
# Guess: the instances of one definition have each a state of their own, also within a parallel state: "runtime instances
#        (can have multiple)", says the README.
# Seen:  the regions of a parallel state are of all instances. One that is idle reports the other's region; an instance
#        completes when its regions and those of the other together are done; and one that leaves the parallel state
#        takes the other's regions with it. CreateInstance copies the map of states, not the states, and a region keeps
#        its current state in itself.
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

func definition() fluo.MachineDefinition {
	b := fluo.NewMachine()
	b.State("idle").Initial().To("work").On("begin")
	work := b.ParallelState("work")
	for _, id := range []string{"copy", "check"} {
		region := work.Region(id)
		region.State("running").Initial().To("done").On(id + " done")
		region.State("done").Final()
	}
	work.End()
	b.ParallelState("work").To("finished").OnCompletion()
	b.ParallelState("work").To("idle").On("cancel")
	b.State("finished")
	return b.Build()
}

func pair() (first, second fluo.Machine) {
	d := definition()
	first, second = d.CreateInstance(), d.CreateInstance()
	for _, m := range []fluo.Machine{first, second} {
		if err := m.Start(); err != nil {
			panic(err)
		}
	}
	return first, second
}

func main() {
	first, second := pair()
	first.SendEvent("begin", nil)
	fmt.Printf("first began: second is in %s, its region copy in %q\n", second.CurrentState(), second.RegionState("copy"))
	second.SendEvent("begin", nil)
	first.SendEvent("copy done", nil)
	second.SendEvent("check done", nil)
	fmt.Printf("first has copied, second has checked: first is in %s, second in %s\n", first.CurrentState(), second.CurrentState())

	first, second = pair()
	first.SendEvent("begin", nil)
	second.SendEvent("begin", nil)
	second.SendEvent("cancel", nil)
	first.SendEvent("copy done", nil)
	fmt.Printf("second was cancelled: first is in %s, its regions in %q and %q\n", first.CurrentState(),
		first.RegionState("copy"), first.RegionState("check"))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 30 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
first began: second is in idle, its region copy in "work.copy.running"
first has copied, second has checked: first is in work, second in finished
second was cancelled: first is in work, its regions in "work.copy.done" and ""
END
echo "as found: fluo v1.0.0"
