package fsm

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// watchers are those who are told of a machine's steps. They are touched with the
// mutex locked, and take nothing that blocks.
type watchers[S comparable] struct{ list []watcher[S] }

type watcher[S comparable] interface {
	// see is told of a step, and returns whether it wants more.
	see(Transition[S]) bool
	// end says that there will be no more, and why.
	end(error)
}

func (w *watchers[S]) tell(t Transition[S]) {
	w.list = slices.DeleteFunc(w.list, func(each watcher[S]) bool { return !each.see(t) })
}

func (w *watchers[S]) end(err error) {
	for _, each := range w.list {
		each.end(err)
	}
}

// tell tells of a step whose hooks have run. The mutex is open.
func (m *Machine[S]) tell(p *plan[S]) {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	if m.watch != nil {
		m.show(p.told)
	}
}

// show tells those who watch, of whom there are some. The mutex is locked.
func (m *Machine[S]) show(t Transition[S]) {
	m.watch.tell(t)
	if len(m.watch.list) == 0 {
		m.watch = nil // so that the next step is free of charge again
	}
}

// showLast is show for the step that was committed just now.
func (m *Machine[S]) showLast(e entry, cause string) {
	m.show(m.transition(step{entry: e, number: m.past.count, cause: cause}))
}

// inform adds a watcher. The mutex is locked.
func (m *Machine[S]) inform(w watcher[S]) {
	if m.watch == nil {
		m.watch = new(watchers[S])
	}
	m.watch.list = append(m.watch.list, w)
}

// forget removes a watcher, if it is still there. The mutex is locked.
func (m *Machine[S]) forget(w watcher[S]) {
	if m.watch == nil {
		return
	}
	m.watch.list = slices.DeleteFunc(m.watch.list, func(each watcher[S]) bool { return each == w })
	if len(m.watch.list) == 0 {
		m.watch = nil
	}
}

// Wait returns as soon as the machine is in one of the states or within it, or a step
// has led there, and says in which leaf; the machine may have moved on by then. If it is in one
// already it returns at once; otherwise it is told after the hooks of the step. It
// fails when ctx ends, when the machine is closed, with [ErrInvalidTransition] for a state
// that is not in the table or for none at all, and with [ErrReentrant] inside a
// hook of the same machine: the step it waits for would have to wait for it. It
// starts no goroutine.
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
		return none, fmt.Errorf("no state is %w", ErrInvalidTransition)
	}
	for _, s := range states {
		if i, known := m.def.graph.index[s]; !known || m.def.isHistory(i) {
			return none, fmt.Errorf("%q is %w", label(s), ErrInvalidTransition)
		}
	}
	w := &waiter[S]{def: m.def, states: states, met: make(chan S, 1), over: make(chan error, 1)}
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
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	m.forget(w)
	select {
	case s := <-w.met: // at the same moment
		return s, nil
	default:
		return none, ended(ctx)
	}
}

// enlist begins a wait, unless it is done already.
func (m *Machine[S]) enlist(ctx context.Context, w *waiter[S]) (s S, done bool, err error) {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	switch now := m.State(); {
	case w.waitsFor(now):
		return now, true, nil
	case ctx.Err() != nil:
		return s, true, ended(ctx)
	case m.closed:
		return s, true, ErrClosed
	case m.turn.taken && m.turn.within(ctx):
		return s, true, ErrReentrant
	}
	m.inform(w)
	return s, false, nil
}

// waiter is a call of Wait. Each of its channels gets at most one value, and has
// room for it.
type waiter[S comparable] struct {
	def    *Definition[S]
	states []S
	met    chan S
	over   chan error
}

func (w *waiter[S]) see(t Transition[S]) bool {
	if !w.waitsFor(t.To) {
		return true
	}
	w.met <- t.To
	return false
}

func (w *waiter[S]) end(err error) { w.over <- err }

func (w *waiter[S]) waitsFor(s S) bool {
	return slices.ContainsFunc(w.states, func(around S) bool { return w.def.In(s, around) })
}

// Subscribe returns the steps that are committed from now on, resets included:
// all of them, in order, each after its hooks have run.
//
//	for t, err := range m.Subscribe(ctx, 64) {
//
// The machine does not wait for a subscriber. Up to buffer steps are kept for one
// that is slow; when one more comes the subscription ends, so that a gap is never
// taken for none: what was kept is still yielded, and then [ErrSlowSubscriber]. In the
// same way it ends with the error of ctx, or with [ErrClosed]. The error is the
// last thing that is yielded, with a zero Transition. The sequence can be ranged
// over once; leaving the loop ends the subscription. One that is never ranged over
// ends with ctx. It starts no goroutine. Inside a hook it must not be ranged over:
// the machine would wait for it. It panics if buffer is less than 1.
func (m *Machine[S]) Subscribe(ctx context.Context, buffer int) iter.Seq2[Transition[S], error] {
	if buffer < 1 {
		panic(fmt.Sprintf("fsm: Subscribe(%d): must have room for one", buffer))
	}
	s := &subscription[S]{m: m, limit: buffer, ready: make(chan struct{}, 1)}
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	s.after = m.past.count
	if m.closed {
		s.end(ErrClosed)
		return s.steps
	}
	m.inform(s)
	s.release = context.AfterFunc(ctx, func() { s.leave(ended(ctx)) })
	return s.steps
}

// errLeft is what a subscription yields that has been ranged over before.
var errLeft = errors.New("subscription has ended")

// subscription is touched with the machine's mutex locked, but for ready.
type subscription[S comparable] struct {
	m       *Machine[S]
	after   uint64 // the number of the last step before it began
	kept    []Transition[S]
	limit   int
	over    error         // why no more will come
	ready   chan struct{} // has a value if there may be news
	release func() bool   // lets go of the context
}

func (s *subscription[S]) see(t Transition[S]) bool {
	switch {
	case t.Number <= s.after: // committed before it began, and only its hooks ran on
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
	s.m.forget(s)
	s.end(why)
}

// steps yields the steps and at last the error.
func (s *subscription[S]) steps(yield func(Transition[S], error) bool) {
	defer s.leave(errLeft)
	for {
		<-s.ready
		kept, over := s.take()
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

// take empties the buffer.
func (s *subscription[S]) take() ([]Transition[S], error) {
	s.m.turn.mu.Lock()
	defer s.m.turn.mu.Unlock()
	kept := s.kept
	s.kept = nil
	return kept, s.over
}
