package fsm

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// annex is what a machine has that makes use of queues, history states or timeouts.
type annex[S comparable] struct {
	queue    *queue[S] // touched with turn.mu alone; nil without WithQueue
	standing           // changed and read like the machine's since

	// The rest is touched with turn.mu locked, but for waiting for ringing.
	timer     *time.Timer             // for the pending timeout that is due next; nil before the first
	ringing   sync.WaitGroup          // counts the calls of ring that are to come or have not ended
	interrupt context.CancelCauseFunc // ends the context of the timeout under way, if there is one
}

// standing is what a machine remembers of where it has been, and what it waits for.
// It is replaced by each step, never changed in place.
type standing struct {
	memory  []uint16  // beside the tree's kept: the leaf from which it was left, or none
	pending []pending // as they were started
}

// pending is a timeout that runs.
type pending struct {
	timeout  uint16    // by place in the definition's
	deadline int64     // nanoseconds since 1970
	due      time.Time // the same by the monotonic clock; zero until the timer has seen it
}

func newAnnex[S comparable](c config) *annex[S] {
	a := new(annex[S])
	if c.queue > 0 {
		a.queue = &queue[S]{limit: c.queue, failed: c.failed}
	}
	return a
}

// stands reports whether machines of the definition have a standing.
func (d *Definition[S]) stands() bool {
	return len(d.timeouts) > 0 || d.graph.tree != nil && len(d.graph.tree.kept) > 0
}

func (m *Machine[S]) queue() *queue[S] {
	if m.annex == nil {
		return nil
	}
	return m.annex.queue
}

func (m *Machine[S]) memory() []uint16 {
	if m.annex == nil {
		return nil
	}
	return m.annex.memory
}

// ahead returns the standing that a step leads to; nil if machines of the definition have
// none. It has the turn; the mutex is open.
func (m *Machine[S]) ahead(p *plan[S]) *standing {
	if !m.def.stands() {
		return nil
	}
	next := &standing{memory: m.recollection(p)}
	t := m.def.graph.tree
	for _, each := range m.annex.pending {
		if !t.left(p.from, p.way.top, m.def.timeouts[each.timeout].state) {
			next.pending = append(next.pending, each)
		}
	}
	for s := range t.downward(p.way.top, p.to) {
		for _, i := range m.def.places[s].timeouts {
			after := max(0, m.def.timeouts[i].after(p.told))
			next.pending = append(next.pending, pending{timeout: i, deadline: p.at + min(int64(after), math.MaxInt64-p.at)})
		}
	}
	return next
}

// recollection is the memory after a step. A reset forgets.
func (m *Machine[S]) recollection(p *plan[S]) []uint16 {
	t := m.def.graph.tree
	if t == nil {
		return nil
	}
	memory := slices.Clone(m.annex.memory)
	for i, s := range t.kept {
		switch {
		case p.event == forced || len(m.annex.memory) == 0:
			memory = append(memory[:i], none)
		case t.left(p.from, p.way.top, s):
			memory[i] = p.from
		}
	}
	return memory
}

// arm sets the timer for the timeout that is due next. It needs the mutex.
func (m *Machine[S]) arm() {
	a := m.annex
	a.halt()
	if m.closed || len(a.pending) == 0 {
		return
	}
	for i := range a.pending {
		if each := &a.pending[i]; each.due.IsZero() {
			each.due = time.Now().Add(time.Duration(max(each.deadline, 0) - now()))
		}
	}
	a.ringing.Add(1)
	left := time.Until(a.pending[a.first()].due)
	if a.timer == nil {
		a.timer = time.AfterFunc(left, m.ring)
	} else {
		a.timer.Reset(left)
	}
}

// first is the place of the timeout that is due first.
func (a *annex[S]) first() (first int) {
	for i := range a.pending {
		if a.pending[i].due.Before(a.pending[first].due) {
			first = i
		}
	}
	return first
}

// halt stops the timer. What it has called already finds nothing to do, or what is
// due by then.
func (a *annex[S]) halt() {
	if a.timer != nil && a.timer.Stop() {
		a.ringing.Done()
	}
}

// silence ends timeouts for good. It needs the mutex.
func (m *Machine[S]) silence() {
	if m.annex == nil {
		return
	}
	m.annex.halt()
	if m.annex.interrupt != nil {
		m.annex.interrupt(ErrClosed)
	}
}

// ring is what the timer calls: it takes its turn like any caller. Then the timeout
// may be over, and so may the machine.
func (m *Machine[S]) ring() {
	defer m.annex.ringing.Done()
	m.turn.mu.Lock()
	_ = m.turn.claim(context.Background()) // which does not end before
	defer m.leave()
	if t := m.overdue(time.Now()); t != nil {
		m.expire(t)
	}
}

// catchUp lets the timeouts go first that were due when a call got the turn: their timer
// may not have come to it, or they were restored. Those that they start in turn are not
// among them, or a circle could keep the call waiting for ever.
func (m *Machine[S]) catchUp() {
	if m.annex == nil {
		return
	}
	now := time.Now()
	for range len(m.annex.pending) {
		t := m.overdue(now)
		if t == nil {
			return
		}
		m.expire(t)
	}
}

// overdue takes a timeout that is due from those that are pending.
func (m *Machine[S]) overdue(now time.Time) *timeout[S] {
	a := m.annex
	if m.closed || len(a.pending) == 0 {
		return nil
	}
	i := a.first()
	if now.Before(a.pending[i].due) {
		return nil
	}
	t := &m.def.timeouts[a.pending[i].timeout]
	a.pending = slices.Delete(slices.Clone(a.pending), i, i+1)
	return t
}

// expire carries a timeout out, and what its hooks have queued. It has the turn and the
// mutex.
func (m *Machine[S]) expire(t *timeout[S]) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	m.annex.interrupt = cancel
	defer func() { // also if user code ends the goroutine
		m.annex.interrupt = nil
		m.arm()
	}()
	_ = m.turn.open(func() error { m.elapse(ctx, t); return nil })
	if m.queue() != nil {
		m.drain()
	}
}

// elapse does what a timeout is for.
func (m *Machine[S]) elapse(ctx context.Context, t *timeout[S]) {
	v := m.turn.visit(ctx)
	defer v.end()
	err := m.carry(v, &request[S]{to: t.to, cause: m.def.cause(t)})
	if failed, ok := err.(*TransitionError[S]); ok {
		for _, run := range m.def.overdue {
			run(v, failed)
		}
	}
}
