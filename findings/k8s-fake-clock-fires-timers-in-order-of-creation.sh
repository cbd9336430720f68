#!/usr/bin/env bash
# k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab (clock/testing), Go 1.26.
#
# Guess: Step of a FakeClock past several timers fires them in the order in which they are due, a timer of no time
#        or less fires at once as a real one does, and a ticker that was stopped ticks no more.
# Seen:  timers fire in the order in which they were made: an expiry that is due after a renewal runs before it.
#        A timer of 0 or less, as for a lease that has already run out, does not fire until the clock is moved.
#        Stop of a ticker does nothing: it ticks on, and counts in Waiters. (Step walks the list of waiters as it
#        is, nothing but Step looks at it, and fakeTicker.Stop is empty.)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	clock "k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

func fired(c <-chan time.Time) bool {
	select {
	case <-c:
		return true
	case <-time.After(time.Second):
		return false
	}
}

func main() {
	fake := clocktesting.NewFakeClock(time.Unix(0, 0))
	fake.AfterFunc(20*time.Second, func() { fmt.Println("fake clock: expiry, due after 20 s") })
	fake.AfterFunc(10*time.Second, func() { fmt.Println("fake clock: renewal, due after 10 s") })
	fake.Step(30 * time.Second)

	for _, c := range []clock.WithTicker{clock.RealClock{}, fake} {
		fmt.Printf("%T: a timer of 0 fires: %t, of -1 s: %t\n", c, fired(c.NewTimer(0).C()), fired(c.After(-time.Second)))
	}
	fake.Step(0)
	fmt.Println("fake clock: waiters after a step of 0:", fake.Waiters())
	for _, c := range []clock.WithTicker{clock.RealClock{}, fake} {
		ticker := c.NewTicker(100 * time.Millisecond)
		ticker.Stop()
		fake.Step(time.Second)
		fmt.Printf("%T: a stopped ticker ticks: %t\n", c, fired(ticker.C()))
	}
	fmt.Println("fake clock: waiters:", fake.Waiters())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 80 go run . 2>/dev/null | tee seen
diff seen - <<'END'
fake clock: expiry, due after 20 s
fake clock: renewal, due after 10 s
clock.RealClock: a timer of 0 fires: true, of -1 s: true
*testing.FakeClock: a timer of 0 fires: false, of -1 s: false
fake clock: waiters after a step of 0: 0
clock.RealClock: a stopped ticker ticks: false
*testing.FakeClock: a stopped ticker ticks: true
fake clock: waiters: 1
END
echo "as found: k8s.io/utils v0.0.0-20261023123148-ca04ba58ecab"
