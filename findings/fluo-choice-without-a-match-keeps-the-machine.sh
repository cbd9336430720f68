#!/usr/bin/env bash
# github.com/anggasct/fluo v1.0.0, Go 1.26.
#
# Guess: an event that leads to a choice of which no condition holds is refused, and the machine stays where it was. A
#        transition whose action fails goes to the state of its OnError ("sets error transition target"). The context of
#        HandleEventWithContext is the one that actions see.
# Seen:  the event is reported as processed, without an error, the old state is left, and the machine is in the choice
#        itself, where every event is refused from then on: its error is taken for the end of the choices. OnError and
#        OnTimeout are empty: the transition fails. The context is not looked at: an action sees neither its value nor
#        that it has ended.
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
	"context"
	"errors"
	"fmt"

	"github.com/anggasct/fluo"
)

func start(b fluo.MachineBuilder) fluo.Machine {
	m := b.Build().CreateInstance()
	if err := m.Start(); err != nil {
		panic(err)
	}
	return m
}

func main() {
	b := fluo.NewMachine()
	b.State("idle").Initial().OnExit(func(fluo.Context) error { fmt.Println("  leaves idle"); return nil }).
		To("which").On("acquire").To("off").On("stop")
	b.Choice("which").When(func(fluo.Context) bool { return false }).To("held")
	b.State("held")
	b.State("off")
	m := start(b)
	for _, event := range []string{"acquire", "acquire", "stop"} {
		r := m.SendEvent(event, nil)
		fmt.Printf("%s: processed %v, error %v, now in %s\n", event, r.Processed, r.Error != nil, m.CurrentState())
	}

	b = fluo.NewMachine()
	b.State("idle").Initial().To("held").On("acquire").Do(func(fluo.Context) error { return errors.New("taken") }).OnError("failed")
	b.State("held")
	b.State("failed")
	m = start(b)
	r := m.SendEvent("acquire", nil)
	fmt.Printf("acquire with OnError: processed %v, error %v, now in %s\n", r.Processed, r.Error, m.CurrentState())

	type key struct{}
	b = fluo.NewMachine()
	b.State("idle").Initial().To("held").On("acquire").Do(func(ctx fluo.Context) error {
		fmt.Printf("  action: value %v, Err %v\n", ctx.Value(key{}), ctx.Err())
		return nil
	})
	b.State("held")
	m = start(b)
	ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "mine"))
	cancel()
	fmt.Printf("acquire with a context that has ended: processed %v\n", m.HandleEventWithContext(ctx, "acquire", nil).Processed)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 30 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
  leaves idle
acquire: processed true, error false, now in which
acquire: processed false, error true, now in which
stop: processed false, error true, now in which
acquire with OnError: processed false, error taken, now in idle
  action: value <nil>, Err <nil>
acquire with a context that has ended: processed true
END
echo "as found: fluo v1.0.0"
