#!/usr/bin/env bash
# github.com/jonboulle/clockwork v0.5.0, Go 1.26.
#
# Guess: the context of clockwork.WithTimeout and a FakeClock is a context like any other: Err is nil at once
#        while it is not done, and a cancelled one is no longer among those who wait for the clock.
# Seen:  Err waits until the context is done, so a loop that asks for Err before each step does not take its
#        first one, and the test waits for a step that never comes. With the real clock it goes on. A cancelled
#        context still counts for BlockUntilContext. (Err reads from the channel of Done before it returns, and
#        nothing stops the context's timer.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/jonboulle/clockwork v0.5.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jonboulle/clockwork"
)

func main() {
	fake := clockwork.NewFakeClock()
	for _, clock := range []clockwork.Clock{clockwork.NewRealClock(), fake} {
		ctx, cancel := clockwork.WithTimeout(context.Background(), clock, time.Hour)
		steps := make(chan string, 1)
		go func() {
			if ctx.Err() == nil {
				steps <- "a step"
			} else {
				steps <- "no step: " + ctx.Err().Error()
			}
		}()
		select {
		case step := <-steps:
			fmt.Printf("%T: %s\n", clock, step)
		case <-time.After(2 * time.Second):
			fmt.Printf("%T: Err has not returned\n", clock)
			cancel()
			fmt.Println("after cancel:", <-steps)
		}
		cancel()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println("wait for one who waits for the clock:", fake.BlockUntilContext(ctx, 1))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 80 go run . 2>/dev/null | tee seen
diff seen - <<'END'
*clockwork.realClock: a step
*clockwork.FakeClock: Err has not returned
after cancel: no step: context canceled
wait for one who waits for the clock: <nil>
END
echo "as found: clockwork v0.5.0"
