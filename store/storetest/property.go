package storetest

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// property runs prop some number of times. In virtual time each run has a fixture;
// in real time all share one, and each has a prefix of its own. It fails with a
// panic of type difference.
func (h Harness) property(t *testing.T, times int, prop func(*testing.T, Fixture, *rapid.T, string)) {
	var shared Fixture
	if !h.Virtual {
		shared = h.Open(t)
	}
	run, failed := 0, false
	check := func(rt *rapid.T) {
		if run++; run > times && !failed {
			return // rapid cannot be told how many checks to make, until it looks for a short one
		}
		defer func() { failed = failed || rt.Failed() }()
		defer fail(rt)
		h.within(t, func(t *testing.T) {
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

// difference is what a property panics with when a law is broken.
type difference string

// fail makes a failure of a difference, outside any bubble. Other panics are
// rapid's own. It tells failures apart by where they happen, and every panic that
// comes out of a bubble happens at one place.
func fail(rt *rapid.T) {
	switch p := recover().(type) {
	case nil:
	case difference:
		rt.Fatalf("%s", p)
	default:
		panic(p)
	}
}
