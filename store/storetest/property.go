package storetest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// difference is the panic value of a property that found a broken law.
type difference string

// property checks prop the given number of times. In virtual time each check has its
// own fixture; in real time all share one fixture and each has its own key prefix.
func (h Harness) property(t *testing.T, times int, prop func(*testing.T, Fixture, *rapid.T, string)) {
	var shared Fixture
	if !h.Virtual {
		shared = h.Open(t)
	}
	run, failed := 0, false
	check := func(rt *rapid.T) {
		if run++; run > times && !failed {
			return // rapid takes no number of checks; checks after a failure shrink it
		}
		defer func() { failed = failed || rt.Failed() }()
		// Report a difference outside the bubble: rapid tells failures apart by where
		// they happen, and every panic that leaves a bubble happens at one place.
		// Other panics are rapid's own.
		defer func() {
			switch p := recover().(type) {
			case nil:
			case difference:
				rt.Fatalf("%s", p)
			default:
				panic(p)
			}
		}()
		h.inBubble(t, func(t *testing.T) {
			f := shared
			if h.Virtual {
				f = h.Open(t)
			}
			prop(t, f, rt, fmt.Sprintf("%d/", run))
		})
	}
	for run < times && !t.Failed() {
		rapid.Check(t, check)
	}
}
