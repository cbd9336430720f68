#!/usr/bin/env bash
# go.uber.org/fx v1.24.0, Go 1.26.
#
# Guess: if Start fails, also for want of time, the hooks that have started are stopped: "if any of the start hooks
#        return an error, Start short-circuits, calls Stop", and Stop says that "all those hooks are executed, even if
#        some fail". If not, Stop with time of its own makes up for it.
# Seen:  a Start whose time is spent stops nothing, as the rollback has the same spent context and Stop looks at that
#        before each hook. The app counts as stopped all the same, so a later Stop returns nil and calls no hook: a
#        lease that the first hook took is kept. With a hook that fails by itself the first one is stopped. Stop is
#        alike: after a hook that uses up its time the others are not called, and a second Stop returns nil.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require go.uber.org/fx v1.24.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/fx"
)

// limited calls f with a context of two seconds.
func limited(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	err := f(ctx)
	time.Sleep(time.Second) // for what Start and Stop leave at work
	return err
}

func untilTheEnd(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
func fails(context.Context) error           { return errors.New("refused") }
func works(context.Context) error           { return nil }

func main() {
	for _, c := range []struct {
		what        string
		start, stop func(context.Context) error
	}{
		{"second hook fails to start", fails, works},
		{"second hook starts until the time is spent", untilTheEnd, works},
		{"second hook fails to stop", works, fails},
		{"second hook stops until the time is spent", works, untilTheEnd},
	} {
		var held atomic.Bool
		app := fx.New(fx.NopLogger, fx.Invoke(func(l fx.Lifecycle) {
			l.Append(fx.Hook{
				OnStart: func(context.Context) error { held.Store(true); return nil },
				OnStop:  func(context.Context) error { held.Store(false); return nil },
			})
			l.Append(fx.Hook{OnStart: c.start, OnStop: c.stop})
		}))
		fmt.Println(c.what)
		fmt.Printf("  Start: %v; lease held: %t\n", limited(app.Start), held.Load())
		for range 2 {
			fmt.Printf("  Stop: %v; lease held: %t\n", limited(app.Stop), held.Load())
		}
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -p 1 -o finding . 2>err || { cat err; exit 1; }
timeout 60 ./finding | tee seen
diff seen - <<'END'
second hook fails to start
  Start: refused; lease held: false
  Stop: <nil>; lease held: false
  Stop: <nil>; lease held: false
second hook starts until the time is spent
  Start: context deadline exceeded; lease held: true
  Stop: <nil>; lease held: true
  Stop: <nil>; lease held: true
second hook fails to stop
  Start: <nil>; lease held: true
  Stop: refused; lease held: false
  Stop: <nil>; lease held: false
second hook stops until the time is spent
  Start: <nil>; lease held: true
  Stop: context deadline exceeded; lease held: true
  Stop: <nil>; lease held: true
END
echo "as found: fx v1.24.0"
