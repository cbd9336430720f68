package fsm

import "context"

// queue holds the changes that user code has asked its own machine for. It is
// touched with the mutex locked.
type queue[S comparable] struct {
	waiting []queued[S] // oldest first
	limit   int
	broken  bool // the turn is ending, and not as it should
	failed  func(context.Context, error)
}

// queued is a request and the context it came with.
type queued[S comparable] struct {
	ctx     context.Context
	request request[S]
}

// later queues a request. The mutex is locked when it is called, since the moment
// at which the caller was found to be inside the turn: so the turn is yet to drain
// the queue. It is open when later returns.
func (m *Machine[S]) later(ctx context.Context, r *request[S]) error {
	defer m.turn.mu.Unlock()
	q := m.queue()
	switch {
	case q.broken:
		return m.failed(r, PhaseTurn, ErrAborted)
	case len(q.waiting) == q.limit:
		return m.failed(r, PhaseTurn, ErrQueueFull)
	}
	q.waiting = append(q.waiting, queued[S]{ctx, *r})
	return nil
}

// drain runs what is queued, and what that queues, until nothing is left. It has
// the turn and the mutex.
func (m *Machine[S]) drain() {
	q := m.queue()
	for len(q.waiting) > 0 {
		next := q.waiting[0]
		q.waiting = q.waiting[1:]
		refused := m.admission(next)
		_ = m.turn.open(func() error { m.settle(next, refused); return nil })
	}
	q.waiting = nil
}

// admission is step 1 for what is queued.
func (m *Machine[S]) admission(q queued[S]) error {
	switch {
	case m.closed:
		return m.failed(&q.request, PhaseTurn, ErrClosed)
	case q.ctx.Err() != nil:
		return m.failed(&q.request, PhaseTurn, ended(q.ctx))
	}
	return nil
}

// settle runs a queued request, unless it has been refused already, and tells of
// its failure.
func (m *Machine[S]) settle(q queued[S], refused error) {
	v := m.turn.visit(q.ctx)
	defer v.end()
	if refused == nil {
		refused = m.carry(v, &q.request)
	}
	if refused != nil {
		m.queue().failed(v, refused)
	}
}

// drop tells of what is still queued when user code did not return, and lets
// nothing more be queued.
func (m *Machine[S]) drop() {
	q := m.queue()
	dropped := q.waiting
	q.waiting, q.broken = nil, true
	defer func() { q.broken = false }()
	for _, next := range dropped {
		refused := m.failed(&next.request, PhaseTurn, ErrAborted)
		_ = m.turn.open(func() error { m.settle(next, refused); return nil })
	}
}
