#!/usr/bin/env bash
# github.com/jonboulle/clockwork v0.5.0, Go 1.26.
#
# Guess: a ticker of a FakeClock that was reset and then stopped ticks no more, as one of the real clock.
# Seen:  it goes on ticking, and each Reset takes one more Stop to end it. A renewal that a test has stopped is
#        seen to go on, and BlockUntilContext counts the ticker twice. (Reset puts the ticker among those who wait
#        for the clock without taking it out first, and Stop takes out one entry. Reset of a timer does take it out.)
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

func ticks(ticker clockwork.Ticker, wait time.Duration) bool {
	select {
	case <-ticker.Chan():
		return true
	case <-time.After(wait):
		return false
	}
}

func main() {
	const period = 10 * time.Millisecond
	real := clockwork.NewRealClock().NewTicker(period)
	real.Reset(period)
	real.Stop()
	fmt.Println("real clock, a tick after Reset and Stop:", ticks(real, 100*period))

	fake := clockwork.NewFakeClock()
	ticker := fake.NewTicker(period)
	ticker.Reset(period)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	fmt.Println("fake clock, waits for the clock twice:", fake.BlockUntilContext(ctx, 2) == nil)
	for range 2 {
		ticker.Stop()
		fake.Advance(period)
		fmt.Println("fake clock, a tick after another Stop:", ticks(ticker, 100*period))
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 80 go run . 2>/dev/null | tee seen
diff seen - <<'END'
real clock, a tick after Reset and Stop: false
fake clock, waits for the clock twice: true
fake clock, a tick after another Stop: true
fake clock, a tick after another Stop: false
END
echo "as found: clockwork v0.5.0"
