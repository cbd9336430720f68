package lease

import (
	"context"
	"slices"
	"sync"
)

// writeTurn serialises the writes of one lease. Its holder alone may prepare, send and
// commit a value, and alone may touch the fields of which that is said.
//
//   - Writers wait in order of arrival, and each gives its wait up when its context ends.
//   - A heartbeat never waits. If a writer has the turn, the heartbeat goes out without a
//     value and may then request the turn: it comes before the writers that wait.
//   - A turn that was requested is reserved for the next heartbeat.
//   - A heartbeat keeps the turn until its callbacks have returned, however late.
type writeTurn struct {
	mu        sync.Mutex
	holder    turnHolder
	requested bool            // the next holder is to be a heartbeat
	inDoubt   bool            // whether the store may have a later value than confirmed; the holder's
	waiting   []chan struct{} // of writers; closed when the writer has the turn
	seq       uint64          // of the last value sent; the holder's
	confirmed []byte          // the last value that the store confirmed; the holder's
}

type turnHolder uint8

const (
	heldByNobody turnHolder = iota
	heldByWriter
	heldByHeartbeat
	reservedForHeartbeat // no goroutine has it yet
)

// take waits for the turn on behalf of a writer. It returns false if ctx ended first.
func (t *writeTurn) take(ctx context.Context) bool {
	t.mu.Lock()
	if t.holder == heldByNobody {
		t.holder = heldByWriter
		t.mu.Unlock()
		return true
	}
	ready := make(chan struct{})
	t.waiting = append(t.waiting, ready)
	t.mu.Unlock()
	select {
	case <-ready:
		return true
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, ready)
	if i < 0 {
		return true // it was given the turn at the same moment
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return false
}

// takeForHeartbeat takes the turn if it is reserved or free; a free one only for a heartbeat with
// a value, its own or that of a write in doubt. If it is not free, late reports that a callback of
// an earlier heartbeat, which has not returned, has it.
func (t *writeTurn) takeForHeartbeat(value bool) (taken, late bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.holder {
	case heldByWriter, heldByHeartbeat:
		return false, t.holder == heldByHeartbeat
	case heldByNobody: // so nobody else touches the fields of a holder
		if !value && !t.inDoubt {
			return false, false
		}
	}
	t.holder = heldByHeartbeat
	return true, false
}

// give hands the turn on. It returns true if it is now reserved for a heartbeat, which the
// caller has to see to.
func (t *writeTurn) give() (reserved bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.requested:
		t.requested, t.holder = false, reservedForHeartbeat
		return true
	case len(t.waiting) > 0:
		t.holder = heldByWriter
		close(t.waiting[0])
		t.waiting = t.waiting[1:]
	default:
		t.holder, t.waiting = heldByNobody, nil
	}
	return false
}

// request makes a heartbeat the next holder. It returns true if the turn is reserved for it
// now, which the caller has to see to.
func (t *writeTurn) request() (reserved bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.holder {
	case heldByNobody:
		t.holder = reservedForHeartbeat
		return true
	case heldByWriter:
		t.requested = true
	}
	return false
}

// number returns the number of the next value. The turn is the caller's.
func (t *writeTurn) number() uint64 {
	t.seq++
	return t.seq
}

// confirm notes the value that the record has for certain. The turn is the caller's.
func (t *writeTurn) confirm(value []byte) {
	t.confirmed, t.inDoubt = value, false
}
