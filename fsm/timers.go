package fsm

import (
	"context"
	"slices"
	"sync"
	"time"
)

// pendingTimeout is a timeout that runs.
type pendingTimeout struct {
	timeout  uint16    // place in the definition's timeouts
	deadline int64     // nanoseconds since 1970
	due      time.Time // the deadline by the monotonic clock; zero until it is armed
	number   uint64    // of the transition that started it; 0 if none did
}

// timers are the timeouts that run on one machine, and one timer for the next of them.
// They are touched with the machine's mutex locked.
type timers struct {
	pending []pendingTimeout // in the order of their start; replaced, never changed
	timer   *time.Timer      // nil before the first timeout
	fire    func()           // called by the timer
	armed   bool             // fire is to come, or has not yet got its turn

	firing    sync.WaitGroup          // counts calls of fire that are to come or have not ended
	interrupt context.CancelCauseFunc // ends the context of the timeout that fires; nil if none does
}

// arm sets the timer for the next timeout. If it has fired already, the call of fire that waits
// for its turn sets it again: one such call is enough.
//
// Timeouts with one deadline are due at the same moment, also if they start at different times:
// two readings of the clocks differ by some nanoseconds more or less, which must not decide
// their order.
func (t *timers) arm() {
	t.disarm()
	if len(t.pending) == 0 {
		return
	}
	mono, wall := bothClocks()
	for i := range t.pending {
		p := &t.pending[i]
		if !p.due.IsZero() {
			continue
		}
		p.due = mono.Add(time.Duration(max(p.deadline, 0) - wall))
		for _, o := range t.pending[:i] {
			// Further apart, the wall clock was set between the two.
			if o.deadline == p.deadline && o.due.Sub(p.due).Abs() < anchorLife {
				p.due = o.due
				break
			}
		}
	}
	if t.armed {
		return
	}
	t.armed = true
	t.firing.Add(1)
	left := time.Until(t.pending[t.next()].due)
	if t.timer == nil {
		t.timer = time.AfterFunc(left, t.fire)
	} else {
		t.timer.Reset(left)
	}
}

// disarm stops the timer. If it has called fire already, that finds nothing due.
func (t *timers) disarm() {
	if t.timer != nil && t.timer.Stop() {
		t.armed = false
		t.firing.Done()
	}
}

// next is the place of the timeout that is due first; of several, the one started first.
func (t *timers) next() (first int) {
	for i := range t.pending {
		if t.pending[i].due.Before(t.pending[first].due) {
			first = i
		}
	}
	return first
}

// overdue returns the place in the definition of the next timeout that is due, of those that
// transitions up to the number last have started.
func (t *timers) overdue(now time.Time, last uint64) (timeout uint16, ok bool) {
	var first *pendingTimeout
	for i := range t.pending {
		p := &t.pending[i]
		if p.number <= last && !now.Before(p.due) && (first == nil || p.due.Before(first.due)) {
			first = p
		}
	}
	if first == nil {
		return 0, false
	}
	return first.timeout, true
}

// end removes a timeout that was refused.
func (t *timers) end(timeout uint16) {
	t.pending = slices.DeleteFunc(slices.Clone(t.pending), func(p pendingTimeout) bool { return p.timeout == timeout })
}
