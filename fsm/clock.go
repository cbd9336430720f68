package fsm

import (
	"sync/atomic"
	"time"
)

// anchorLife is for how long the wall clock is extrapolated from one reading.
const anchorLife = time.Second

// anchor is one reading of both clocks.
type anchor struct {
	read time.Time // for its monotonic reading
	wall int64     // the same moment in nanoseconds since 1970
}

// anchored is the latest anchor, shared by all machines of the process. Anchors are
// replaced, never changed.
var anchored atomic.Pointer[anchor]

// now is the wall clock in nanoseconds since 1970. The monotonic clock alone costs about
// half of both clocks, and both would be a third of a transition. So the wall clock is read
// once a second at most; in between it is the last reading plus the monotonic time since.
//
// After a step of the wall clock, or a suspension during which the monotonic clock stood
// still, now is off until the anchor is a second old. An anchor in the future, or far in the
// past, belongs to another clock and is replaced: in a bubble of testing/synctest the virtual
// clock has no monotonic reading.
func now() int64 {
	if a := anchored.Load(); a != nil {
		if d := time.Since(a.read); uint64(d) < uint64(anchorLife) { // and not negative
			return a.wall + int64(d)
		}
	}
	return refresh().wall
}

// bothClocks is one moment by the monotonic clock and as now tells it.
func bothClocks() (mono time.Time, wall int64) {
	if a := anchored.Load(); a != nil {
		if d := time.Since(a.read); uint64(d) < uint64(anchorLife) {
			return a.read.Add(d), a.wall + int64(d)
		}
	}
	a := refresh()
	return a.read, a.wall
}

func refresh() *anchor {
	t := time.Now()
	a := &anchor{read: t, wall: t.UnixNano()}
	anchored.Store(a)
	return a
}
