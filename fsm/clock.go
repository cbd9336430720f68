package fsm

import (
	"sync/atomic"
	"time"
)

// anchorLife is for how long the wall clock is extrapolated from one reading.
const anchorLife = time.Second

// anchor is a reading of both clocks.
type anchor struct {
	read time.Time // its monotonic part counts
	wall int64     // the same moment in nanoseconds since 1970
}

// anchored is the latest reading, shared by all machines of the process. What it
// points to never changes; a newer one takes its place.
var anchored atomic.Pointer[anchor]

// now is the wall clock in nanoseconds since 1970. Reading only the monotonic
// clock costs about half of what both cost, and that would be a third of a
// transition. So the wall clock is read once a second at most, and in between
// it is the last reading plus the monotonic time since.
//
// After a step of the wall clock, or a suspension during which the monotonic
// clock stood still, now is wrong by as much until the anchor is a second old.
// A reading from before the anchor, or far from it, is another clock: the
// virtual one of a test bubble has no monotonic reading, and agrees with itself.
func now() int64 {
	if a := anchored.Load(); a != nil {
		if d := time.Since(a.read); uint64(d) < uint64(anchorLife) { // and not negative
			return a.wall + int64(d)
		}
	}
	return refresh()
}

func refresh() int64 {
	t := time.Now()
	a := &anchor{read: t, wall: t.UnixNano()}
	anchored.Store(a)
	return a.wall
}
