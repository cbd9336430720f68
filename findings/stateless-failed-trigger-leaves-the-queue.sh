#!/usr/bin/env bash
# github.com/qmuntal/stateless v1.7.2, Go 1.26.
#
# Guess: in the queued mode, the default, a Fire whose callback fails drops the triggers that are still queued
#        or carries them out; the next Fire begins with its own.
# Seen:  the queued triggers stay. The next Fire carries them out first, in a state that they were not meant
#        for. If one of them is refused, Fire has that one's error, its own trigger has not run, and now it is
#        the one that waits: a later Fire carries it out.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/qmuntal/stateless v1.7.2
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/qmuntal/stateless"
)

func main() {
	m := stateless.NewStateMachine("idle")
	m.OnTransitioned(func(_ context.Context, t stateless.Transition) {
		fmt.Printf("  %v: %v -> %v\n", t.Trigger, t.Source, t.Destination)
	})
	m.Configure("idle").Permit("start", "running").Permit("suspend", "suspended")
	m.Configure("suspended").Permit("suspend", "stopped")
	m.Configure("running").Permit("stop", "idle").
		OnEntry(func(context.Context, ...any) error {
			fmt.Println("  entry fires suspend:", m.Fire("suspend"))
			return errors.New("no connection")
		})
	for _, trigger := range []string{"start", "stop", "suspend"} {
		fmt.Printf("%s:\n", trigger)
		err := m.Fire(trigger)
		fmt.Printf("  %v, error: %v\n", m.MustState(), err)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . 2>/dev/null | tee seen
diff seen - <<'END'
start:
  entry fires suspend: <nil>
  running, error: no connection
stop:
  running, error: stateless: No valid leaving transitions are permitted from state 'running' for trigger 'suspend', consider ignoring the trigger
suspend:
  stop: running -> idle
  suspend: idle -> suspended
  suspended, error: <nil>
END
echo "as found: stateless v1.7.2"
