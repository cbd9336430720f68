#!/usr/bin/env bash
# github.com/anggasct/fluo v1.0.0, Go 1.26.
#
# Guess: after SetState or Reset the events of the regions of the parallel state that was left are refused; a machine that
#        is restored from its JSON is in the regions that it was in.
# Seen:  SetState and Reset leave the active states as they are: a machine that is idle takes the events of its former
#        regions and runs their actions, also when it has been started again. The JSON has no regions: the restored
#        machine is in the parallel state and in none of its states, and refuses all their events for ever.
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
	"encoding/json"
	"fmt"

	"github.com/anggasct/fluo"
)

func machine() fluo.Machine {
	b := fluo.NewMachine()
	b.State("idle").Initial().To("work").On("begin")
	work := b.ParallelState("work")
	lease := work.Region("lease")
	lease.State("held").Initial().To("lost").On("lose").Do(func(fluo.Context) error { fmt.Println("  the lease is lost"); return nil })
	lease.State("lost")
	work.Region("job").State("running").Initial()
	work.End()
	m := b.Build().CreateInstance()
	if err := m.Start(); err != nil {
		panic(err)
	}
	return m
}

func main() {
	lose := func(what string, m fluo.Machine) {
		r := m.SendEvent("lose", nil)
		fmt.Printf("%s: in %s, region in %q, lose is accepted: %v\n", what, m.CurrentState(), m.RegionState("lease"), r.Processed)
	}
	m := machine()
	lose("never begun", m)
	m.SendEvent("begin", nil)
	if err := m.SetState("idle"); err != nil {
		panic(err)
	}
	lose("SetState(idle)", m)

	m = machine()
	m.SendEvent("begin", nil)
	if err := m.Reset(); err != nil {
		panic(err)
	}
	if err := m.Start(); err != nil {
		panic(err)
	}
	lose("Reset and Start", m)

	m = machine()
	m.SendEvent("begin", nil)
	data, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	restored := machine()
	if err := json.Unmarshal(data, restored); err != nil {
		panic(err)
	}
	lose("original", m)
	lose("restored from its JSON", restored)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 30 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
never begun: in idle, region in "", lose is accepted: false
  the lease is lost
SetState(idle): in idle, region in "work.lease.lost", lose is accepted: true
  the lease is lost
Reset and Start: in idle, region in "work.lease.lost", lose is accepted: true
  the lease is lost
original: in work, region in "work.lease.lost", lose is accepted: true
restored from its JSON: in work, region in "", lose is accepted: false
END
echo "as found: fluo v1.0.0"
