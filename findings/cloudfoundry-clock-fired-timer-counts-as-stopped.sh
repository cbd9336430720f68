#!/usr/bin/env bash
# code.cloudfoundry.org/clock v1.60.0 (and its fakeclock), Go 1.26.
#
# Guess: Stop and Reset of a timer that has fired say false on the FakeClock as on the clock of the same package, and a
#        ticker keeps to its interval.
# Seen:  they say true for ever, so code that takes "stopped in time" from Stop, as before it renews a lease, is wrong
#        in tests alone. A fake timer is never marked as fired. A ticker of 10 s that was passed over by a step of 25 s
#        ticks once, and then at 35 s, not at 30 s: it begins again at the end of the step.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require code.cloudfoundry.org/clock v1.60.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"code.cloudfoundry.org/clock"
	"code.cloudfoundry.org/clock/fakeclock"
)

func main() {
	fake := fakeclock.NewFakeClock(time.Unix(0, 0))
	for name, c := range map[string]clock.Clock{"clock": clock.NewClock(), "fake clock": fake} {
		wait := func() {
			if c == clock.Clock(fake) {
				fake.Increment(time.Second)
			} else {
				time.Sleep(time.Second)
			}
		}
		read, stopped := c.NewTimer(time.Millisecond), c.NewTimer(time.Hour)
		wait()
		<-read.C()
		fmt.Printf("%s, fired and read: Stop %v, Stop again %v, Reset %v\n", name, read.Stop(), read.Stop(), read.Reset(time.Hour))
		fmt.Printf("%s, not due: Stop %v, Stop again %v\n", name, stopped.Stop(), stopped.Stop())
	}

	start := fake.Now()
	ticker := fake.NewTicker(10 * time.Second)
	fake.Increment(25 * time.Second)
	for range 4 {
		select {
		case <-ticker.C():
			fmt.Println("fake ticker of 10 s ticks at", fake.Since(start))
		default:
			fmt.Println("fake ticker of 10 s, no tick at", fake.Since(start))
		}
		fake.Increment(5 * time.Second)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>err || cat err
timeout 60 ./finding 2>/dev/null | sort | tee seen
diff seen - <<'END'
clock, fired and read: Stop false, Stop again false, Reset false
clock, not due: Stop true, Stop again false
fake clock, fired and read: Stop true, Stop again true, Reset true
fake clock, not due: Stop true, Stop again true
fake ticker of 10 s ticks at 25s
fake ticker of 10 s ticks at 35s
fake ticker of 10 s, no tick at 30s
fake ticker of 10 s, no tick at 40s
END
echo "as found: code.cloudfoundry.org/clock v1.60.0"
