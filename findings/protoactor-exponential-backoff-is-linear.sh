#!/usr/bin/env bash
# github.com/asynkron/protoactor-go v0.0.0-20240822202345-3c0e61ca19c9, Go 1.26.
#
# Guess: an actor under NewExponentialBackoffStrategy, which restarts it "using an exponential back off algorithm", waits
#        twice as long each time: the sixth pause is some thirty times the first, with some noise, so that actors which
#        fail together do not come back together.
# Seen:  the sixth pause is six times the first: the strategy multiplies the initial backoff with the number of failures,
#        and has no upper limit. The noise is a random number below 500, taken as nanoseconds.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/asynkron/protoactor-go v0.0.0-20240822202345-3c0e61ca19c9
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const initial = time.Second

// worker fails whenever it is started.
type worker struct{ started chan time.Time }

func (w *worker) Receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*actor.Started); ok {
		w.started <- time.Now()
		panic("no connection")
	}
}

func main() {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.NewTextHandler(io.Discard, nil))
	}))
	started := make(chan time.Time, 100)
	child := actor.PropsFromProducer(func() actor.Actor { return &worker{started} })
	parent := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Started); ok {
			ctx.Spawn(child)
		}
	}, actor.WithSupervisor(actor.NewExponentialBackoffStrategy(time.Hour, initial)))
	system.Root.Spawn(parent)
	last := <-started
	var pauses []time.Duration
	for range 6 {
		now := <-started
		pauses = append(pauses, now.Sub(last))
		last = now
	}
	for i, pause := range pauses[3:] {
		linear, exponential := time.Duration(i+4)*initial, initial<<(i+3)
		fmt.Printf("pause %d: nearer to %v than to %v: %v\n", i+4, linear, exponential, pause < (linear+exponential)/2)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 400 go build -o finding . 2>err || cat err
timeout 70 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
pause 4: nearer to 4s than to 8s: true
pause 5: nearer to 5s than to 16s: true
pause 6: nearer to 6s than to 32s: true
END
echo "as found: protoactor-go 3c0e61ca19c9"
