#!/usr/bin/env bash
# github.com/zeromicro/go-zero v1.10.3 (core/collection, which its cache uses for TTLs), Go 1.26.
#
# Guess: a timer of a TimingWheel that is set again or moved to a sooner time fires then, and once; after Drain a key can
#        be set again.
# Seen:  moved to a sooner time it can fire a whole turn of the wheel late: the entry stays in its slot, and if that is
#        behind the wheel's position, it is looked at in the next turn only. Moved to less than an interval it fires
#        at once and, as it stays in its slot, at its old time too. Drain empties the slots and not the table of the
#        keys: a key that was drained and is set to a later slot never fires. The ticks here are made by hand.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require github.com/zeromicro/go-zero v1.10.3
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"time"

	"github.com/zeromicro/go-zero/core/collection"
	"github.com/zeromicro/go-zero/core/timex"
)

// wheel is a wheel of ten seconds whose ticks are made by hand.
type wheel struct {
	*collection.TimingWheel
	ticker timex.FakeTicker
	fired  chan any
	now    int
}

func newWheel() *wheel {
	w := &wheel{ticker: timex.NewFakeTicker(), fired: make(chan any, 10)}
	var err error
	w.TimingWheel, err = collection.NewTimingWheelWithTicker(time.Second, 10, func(_, value any) { w.fired <- value }, w.ticker)
	if err != nil {
		panic(err)
	}
	return w
}

// pass lets some seconds pass, and returns the seconds at which a timer fired.
func (w *wheel) pass(seconds int) (at []int) {
	for range seconds {
		w.ticker.Tick()
		w.now++
		time.Sleep(50 * time.Millisecond)
		for len(w.fired) > 0 {
			<-w.fired
			at = append(at, w.now)
		}
	}
	return at
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	w := newWheel()
	w.pass(5)
	must(w.SetTimer("lease", nil, 8*time.Second))
	must(w.SetTimer("lease", nil, 2*time.Second))
	fmt.Println("at second 5 set to 8 s and then to 2 s, fires at", w.pass(40))

	w = newWheel()
	must(w.SetTimer("lease", nil, 6*time.Second))
	w.pass(1)
	must(w.MoveTimer("lease", 500*time.Millisecond))
	fmt.Println("set to 6 s, moved to half a second, fires how often:", len(w.pass(40)))

	w = newWheel()
	must(w.SetTimer("lease", nil, 5*time.Second))
	must(w.Drain(func(key, value any) {}))
	w.pass(1)
	must(w.SetTimer("lease", nil, 3*time.Second))
	must(w.SetTimer("another", nil, 6*time.Second))
	fmt.Println("drained and set to 3 s, beside another of 6 s, fire at", w.pass(40))

	w = newWheel()
	must(w.SetTimer("lease", nil, 5*time.Second))
	must(w.Drain(func(key, value any) {}))
	w.pass(1)
	must(w.SetTimer("lease", nil, 6*time.Second))
	fmt.Println("drained and set to 6 s, fires at", w.pass(40))
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 300 go build -o finding . 2>/dev/null
timeout 60 ./finding 2>/dev/null | tee seen
diff seen - <<'END'
at second 5 set to 8 s and then to 2 s, fires at [17]
set to 6 s, moved to half a second, fires how often: 2
drained and set to 3 s, beside another of 6 s, fire at [4 7]
drained and set to 6 s, fires at []
END
echo "as found: go-zero v1.10.3"
