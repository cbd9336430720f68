package fsm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
)

// Wait returns as soon as the machine is in one of the states or within it, or a transition
// has led there, and returns the leaf; the machine may have moved on by then. If the machine is
// in one already it returns at once; otherwise after the hooks of the transition. It fails when
// ctx ends or the machine is closed, with [ErrUnknownState] for an unknown state, a history
// state or no state at all, and with [ErrReentrant] inside a hook of the same machine: the wait
// would wait for the hook's own transition. It starts no goroutine.
func (m *Machine[S]) Wait(ctx context.Context, states ...S) (S, error) {
	s, err := m.wait(ctx, states)
	if err != nil {
		return s, fmt.Errorf("waiting for %s in %v: %w", names(states), m.State(), err)
	}
	return s, nil
}

func (m *Machine[S]) wait(ctx context.Context, states []S) (S, error) {
	var none S
	if len(states) == 0 {
		return none, fmt.Errorf("no state: %w", ErrUnknownState)
	}
	w := &waiter[S]{met: make(chan S, 1), over: make(chan error, 1)}
	for _, s := range states {
		id, known := m.def.find(s)
		if !known || m.def.graph.IsHistory(id) {
			return none, fmt.Errorf("%q: %w", label(s), ErrUnknownState)
		}
	}
	w.waitsFor = func(leaf S) bool {
		return slices.ContainsFunc(states, func(s S) bool { return m.def.In(leaf, s) })
	}
	if s, done, err := m.enlist(ctx, w); done {
		return s, err
	}
	select {
	case s := <-w.met:
		return s, nil
	case err := <-w.over:
		return none, err
	case <-ctx.Done():
	}
	ended := ctxerr.Of(ctx)
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	m.unwatch(w)
	select {
	case s := <-w.met: // at the same moment
		return s, nil
	default:
		return none, ended
	}
}

// enlist begins a wait, unless it is done already.
func (m *Machine[S]) enlist(ctx context.Context, w *waiter[S]) (s S, done bool, err error) {
	inside, ended := m.turn.insider(ctx), ctxerr.Of(ctx) // with the mutex open: ctx may be user code
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	switch present := m.State(); {
	case w.waitsFor(present):
		return present, true, nil
	case ended != nil:
		return s, true, ended
	case m.closed:
		return s, true, ErrClosed
	case m.turn.runs(inside):
		return s, true, ErrReentrant
	}
	m.watch(w)
	return s, false, nil
}

// waiter is a call of Wait. Each of its channels gets at most one value and has room for it.
type waiter[S comparable] struct {
	waitsFor func(leaf S) bool
	met      chan S
	over     chan error
}

func (w *waiter[S]) see(t Transition[S]) bool {
	if !w.waitsFor(t.To) {
		return true
	}
	w.met <- t.To
	return false
}

func (w *waiter[S]) end(err error) { w.over <- err }

// Subscribe returns the transitions that are committed from now on, resets included: all of
// them, in order, each after its hooks have run.
//
//	for t, err := range m.Subscribe(ctx, 64) {
//
// The machine does not wait for a subscriber. It keeps up to buffer transitions for one that is
// slow. When there is one more the subscription ends, so that a gap is never hidden: the kept
// transitions are yielded, and then [ErrSlowSubscriber]. In the same way it ends with the error
// of ctx, or with [ErrClosed]. The error is the last value that is yielded, with a zero
// Transition. The sequence can be ranged over once. Leaving the loop ends the subscription; one
// that is never ranged over ends with ctx. It starts no goroutine, but [context.AfterFunc] does
// if ctx has a Done channel of its own. Inside a hook it must not be ranged over: the loop would
// wait for the hook's own transition. It panics if buffer is less than 1.
func (m *Machine[S]) Subscribe(ctx context.Context, buffer int) iter.Seq2[Transition[S], error] {
	if buffer < 1 {
		panic(fmt.Sprintf("fsm: Subscribe(%d): must have room for one", buffer))
	}
	s := &subscription[S]{m: m, limit: buffer, ready: make(chan struct{}, 1)}
	release := context.AfterFunc(ctx, func() { s.leave(ctxerr.Of(ctx)) }) // with the mutex open: ctx may be user code
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	s.after, s.release = m.past.count, release
	if m.closed {
		s.end(ErrClosed)
	} else if s.over == nil { // ctx has not ended already
		m.watch(s)
	}
	return s.all
}

// errEnded is yielded by a subscription that has been ranged over before.
var errEnded = errors.New("subscription has ended")

// subscription is touched with the machine's mutex locked, except ready.
type subscription[S comparable] struct {
	m       *Machine[S]
	after   uint64 // the number of the last transition before it began
	kept    []Transition[S]
	limit   int
	over    error         // why no more transitions will come
	ready   chan struct{} // has a value if there may be something to yield
	release func() bool   // stops waiting for the context
}

func (s *subscription[S]) see(t Transition[S]) bool {
	switch {
	case t.Number <= s.after: // committed before it began; its hooks took until now
		return true
	case len(s.kept) == s.limit:
		s.end(ErrSlowSubscriber)
		return false
	}
	s.kept = append(s.kept, t)
	s.wake()
	return true
}

func (s *subscription[S]) end(err error) {
	s.over = err
	if s.release != nil {
		s.release()
	}
	s.wake()
}

func (s *subscription[S]) wake() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// leave ends the subscription from the subscriber's side.
func (s *subscription[S]) leave(why error) {
	s.m.turn.mu.Lock()
	defer s.m.turn.mu.Unlock()
	s.m.unwatch(s)
	s.end(why)
}

// all yields the transitions, and at last the error.
func (s *subscription[S]) all(yield func(Transition[S], error) bool) {
	defer s.leave(errEnded)
	for {
		<-s.ready
		s.m.turn.mu.Lock()
		kept, over := s.kept, s.over
		s.kept = nil
		s.m.turn.mu.Unlock()
		for _, t := range kept {
			if !yield(t, nil) {
				return
			}
		}
		if over != nil {
			yield(Transition[S]{}, over)
			return
		}
	}
}

// watch adds a watcher. The mutex is locked.
func (m *Machine[S]) watch(w watcher[S]) {
	if m.extras == nil {
		m.extras = m.newExtras()
	}
	m.extras.watchers = append(m.extras.watchers, w)
}

// unwatch removes a watcher, if it is still there. The mutex is locked.
func (m *Machine[S]) unwatch(w watcher[S]) {
	if m.watched() {
		m.extras.watchers.remove(func(each watcher[S]) bool { return each == w })
	}
}
