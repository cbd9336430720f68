package fsm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
	"github.com/leasehold-go/leasehold/internal/ctxerr"
)

// Transition moves the machine to a state, with a hierarchy to the leaf that is entered with
// it ([Substates]); or it says in a *[TransitionError] why not. This is the order of a change,
// for an event ([Fire]) as well:
//
//  1. The call waits for its turn. Timeouts that are overdue by then go first. It fails if ctx
//     has ended, or ends first, or if the machine is closed; and with [ErrTurnTimeout] if ctx
//     has no deadline and one change has been under way for a minute while the call waits. A
//     hook that calls its own machine with another context than it was given waits for itself,
//     and gets this error.
//  2. The call fails if the machine's [Writer] has ended ([PhaseEnded]), as a lease has that was
//     lost or released.
//  3. The edge is looked up in the table: [ErrInvalidTransition]. For an event the rules for
//     the present state are: [ErrUnhandled], [ErrUnknownEvent], or the result of
//     [OnUnhandled]. An event that the state ignores is done.
//  4. The guards are asked until one refuses: first of the event's candidate ([If]), then of the
//     edge ([GuardEdge]), then of the target ([Guard]; with a hierarchy of each state that would
//     be entered, the outermost first). If one refuses, the event's next candidate is tried. A
//     [Choose] finds its target after its own guards.
//  5. The before hooks run until one refuses.
//  6. With a writer, the value is encoded and written. If the write fails or is in doubt, the
//     machine has not moved.
//  7. The transition is committed: readers see the new state and the history.
//  8. The exit hooks of the states that are left (the innermost first), the hooks of the edge,
//     the event's [Do], the entry hooks of the states that are entered (the outermost first)
//     and the after hooks run, all of them. The errors of those that fail are returned,
//     joined. The machine has moved then, and the error says so. A state with a [Self] rule
//     that is its own target has neither exit nor entry.
//  9. Waits and subscriptions are told.
//  10. The finally hooks run, and the observers ([WithObserver]).
//  11. Changes that hooks have queued run: [WithQueue]. The call that queued a change has
//     returned nil before the change ran; a refusal goes to the function of WithQueue.
//
// An event with an [Internal] rule skips 6, 7 and 9, and of 8 runs its Do and the after hooks.
//
// A failure before step 7 leaves no trace: state, history and number are as before. If ctx
// ends after step 1, that ends nothing by itself; guards, hooks and the write get ctx.
func (m *Machine[S]) Transition(ctx context.Context, to S) error {
	return m.TransitionWithCause(ctx, to, "")
}

// TransitionWithCause is [Machine.Transition] with a cause for the history.
func (m *Machine[S]) TransitionWithCause(ctx context.Context, to S, cause string) error {
	if ctx.Err() != nil {
		return m.refusal(&change[S]{to: to}, PhaseTurn, ctxerr.Of(ctx))
	}
	m.turn.mu.Lock()
	if m.turn.taken || !m.plain {
		return m.call(ctx, &change[S]{to: to, cause: cause})
	}
	// Of a plain machine, steps 3, 7 and 9 are all there is. It makes them under one lock,
	// reads the clock once and, once the history is full, allocates nothing.
	defer m.turn.mu.Unlock()
	edge := m.def.edge(m.id(), to)
	if edge == nil {
		return m.transitionError(m.id(), to, PhaseTable, ErrInvalidTransition, false)
	}
	e := entry{at: now(), from: m.id(), to: m.leaf(edge)}
	m.commit(e, cause, edge.Kind == graph.Self)
	if m.watched() {
		m.extras.watchers.tell(m.def.transition(e, m.past.count, cause))
	}
	return nil
}

// Fire tells a machine that an event has happened. The call
// follows the rules for the event and the present state, in the order of
// [Machine.Transition]. A failure is an *[EventError]. (A method cannot have a type parameter
// of its own; signals have the method [Machine.Fire].)
func Fire[S comparable, A any](ctx context.Context, m *Machine[S], e Event[A], arg A) error {
	return FireWithCause(ctx, m, e, arg, "")
}

// FireWithCause is [Fire] with a cause for the history.
func FireWithCause[S comparable, A any](ctx context.Context, m *Machine[S], e Event[A], arg A, cause string) error {
	if m.def.reads(e.event) {
		return m.fire(ctx, e.event, &boxed[A]{arg}, cause)
	}
	return m.fire(ctx, e.event, nil, cause)
}

// Fire tells the machine that a signal has been given; see the function [Fire].
func (m *Machine[S]) Fire(ctx context.Context, s Signal) error { return m.FireWithCause(ctx, s, "") }

// FireWithCause is [Machine.Fire] with a cause for the history.
func (m *Machine[S]) FireWithCause(ctx context.Context, s Signal, cause string) error {
	if s.event == nil {
		return m.fire(ctx, nil, nil, cause)
	}
	return m.fire(ctx, s.event, s.signal, cause)
}

// fire has the same shortcut for a plain machine as TransitionWithCause.
func (m *Machine[S]) fire(ctx context.Context, e *event, arg argument, cause string) error {
	if ctx.Err() != nil {
		return m.refusal(&change[S]{kind: byEvent, event: e}, PhaseTurn, ctxerr.Of(ctx))
	}
	m.turn.mu.Lock()
	if m.turn.taken || !m.plain {
		return m.call(ctx, &change[S]{kind: byEvent, event: e, arg: arg, cause: cause})
	}
	defer m.turn.mu.Unlock()
	rules, number := m.def.rulesIn(m.id(), e)
	for i := range rules { // without guards the first that applies is the only one
		edge, ok := m.def.applies(m.id(), &rules[i])
		if !ok {
			continue
		}
		if edge == nil {
			return nil
		}
		done := entry{at: now(), from: m.id(), to: m.leaf(edge), event: number}
		m.commit(done, cause, edge.Kind == graph.Self)
		if m.watched() {
			m.extras.watchers.tell(m.def.transition(done, m.past.count, cause))
		}
		return nil
	}
	return m.unhandled(e)
}

// Reset returns the machine to its initial state from any state, for recovery. It is written
// like every change and recorded as forced, but goes around the table and runs neither guards
// nor hooks. It fails with a *[TransitionError] in steps 1, 2 and 6 of [Machine.Transition],
// and changes nothing then.
func (m *Machine[S]) Reset(ctx context.Context, cause string) error {
	c := &change[S]{kind: byReset, to: m.def.Initial(), cause: cause}
	if ctx.Err() != nil {
		return m.refusal(c, PhaseTurn, ctxerr.Of(ctx))
	}
	m.turn.mu.Lock()
	return m.call(ctx, c)
}

// PermittedEvents returns the names of the events that may be fired now: for each, a candidate
// of the present state passes all its guards. They are in the order of their first rule. A guard
// that needs an argument (of [If], unless the event is a signal) counts as passed, and the
// function of a [Choose] is not called. Ignored events are not listed.
//
// Guards are asked in turn with changes, so the call waits for its turn; inside a hook, with
// the hook's context, it is part of that turn. It fails as a change does in
// the steps 1 and 2 of [Machine.Transition].
func (m *Machine[S]) PermittedEvents(ctx context.Context) (names []string, err error) {
	ask := func(h *hookContext) error {
		if m.start != started {
			return ErrNotStarted
		}
		if err := m.writerErr(); err != nil {
			return err
		}
		names = m.permittedEvents(h)
		return nil
	}
	if ctx.Err() != nil {
		err = ctxerr.Of(ctx)
	} else if m.turn.within(ctx) {
		err = ask(&hookContext{Context: ctx, code: &userCode{data: m.extras.code.data}}) // within the context of the hook
	} else {
		err = m.inTurn(ctx, func() error { return m.question(ctx, ask) })
	}
	if err != nil {
		return nil, wrapped("permitted events", err)
	}
	return names, nil
}

// Detach takes the machine off a [Writer] that has ended, for an orderly shutdown: from then
// on the machine moves in this process alone. It fails with [ErrAttached] while the writer is
// good, and does nothing without one. It waits for its turn, as [Machine.Transition] does.
func (m *Machine[S]) Detach(ctx context.Context) error {
	err := m.inTurn(ctx, func() error {
		if m.extras.writer == nil {
			return nil
		}
		if m.question(ctx, func(*hookContext) error { return m.writerErr() }) == nil {
			return ErrAttached
		}
		m.extras.writer = nil
		m.plain = m.isPlain()
		return nil
	})
	if err != nil {
		return wrapped("detach", err)
	}
	return nil
}

// Close makes every change from now on fail with [ErrClosed], also for callers that wait for
// their turn, and returns when the change in progress has ended. Waits and subscriptions end
// then, and timeouts end for good. If ctx ends first, its error is returned, and the machine is
// closed all the same; without a deadline Close waits as [Machine.Transition] does. Close may be
// called again. It does not release a lease. Reading goes on.
func (m *Machine[S]) Close(ctx context.Context) error {
	if m.turn.within(ctx) {
		return wrapped("close", ErrReentrant)
	}
	m.turn.mu.Lock()
	m.closed, m.plain = true, false
	if m.extras != nil {
		m.extras.timers.disarm()
		if m.extras.timers.interrupt != nil {
			m.extras.timers.interrupt(ErrClosed)
		}
	}
	if err := m.claim(ctx); err != nil { // and not ErrReentrant, by the check above
		return wrapped("close", err)
	}
	x := m.extras
	m.leave()
	if x != nil {
		x.timers.firing.Wait() // they find the machine closed
	}
	return nil
}

// call makes a change that may have to wait, be refused or take time: steps 1 and 11, and all
// between by perform. The mutex is locked when call is called, and open when it returns.
func (m *Machine[S]) call(ctx context.Context, c *change[S]) error {
	// 1. The turn. A call from user code of the change in progress is queued: the mutex is
	// locked, so that change cannot end before this one is queued.
	if !m.turn.taken {
		m.turn.taken = true
	} else if err := m.claim(ctx); err == ErrReentrant {
		return m.enqueue(ctx, c)
	} else if err != nil {
		return m.refusal(c, PhaseTurn, err)
	}
	defer m.leave()
	m.begin()
	if m.closed {
		return m.refusal(c, PhaseTurn, ErrClosed)
	}

	// 2 to 10.
	err := m.perform(ctx, c)

	// 11. The queue.
	if m.extras.queue != nil {
		m.drain()
	}
	return err
}

// enqueue queues a call from user code of the change in progress, or refuses it.
func (m *Machine[S]) enqueue(ctx context.Context, c *change[S]) error {
	defer m.turn.mu.Unlock()
	err := ErrReentrant
	if m.extras.queue != nil {
		err = m.extras.queue.add(ctx, c)
	}
	if err != nil {
		return m.refusal(c, PhaseTurn, err)
	}
	return nil
}

// claim waits for the turn on behalf of a call, as turn.claim does, and names the change that
// has the turn for too long.
func (m *Machine[S]) claim(ctx context.Context) error {
	err := m.turn.claim(ctx, turnLimit)
	if err == nil || !errors.Is(err, ErrTurnTimeout) {
		return err
	}
	what, since := m.InProgress()
	return fmt.Errorf("%w: %s since %s: its code is stuck, or it calls its own machine with another context than it was given", err, what, since.Format(time.RFC3339))
}

// InProgress returns the change that is under way and the start of its turn; or "", if there is
// none. The text names the transition, event, reset or start and, in brackets, its point in the
// order of [Machine.Transition]: "idle -> starting (entry)". It does not wait for the change.
// Calls of [Machine.PermittedEvents] and [Machine.Detach] count as changes.
func (m *Machine[S]) InProgress() (change string, since time.Time) {
	m.turn.mu.Lock()
	h := m.turn.user
	if h == nil {
		m.turn.mu.Unlock()
		return "", time.Time{}
	}
	r, began, p := m.extras.request, h.code.began, Phase(h.code.phase.Load())
	m.turn.mu.Unlock() // states may print themselves
	switch r.kind {
	case byTarget:
		change = fmt.Sprintf("%v -> %v", m.def.states[r.from], r.to)
	case byTimeout:
		change = fmt.Sprintf("%v -> %v, %s", m.def.states[r.from], r.to, m.def.timeouts[r.timeout].cause())
	case byEvent:
		change = fmt.Sprintf("event %q in %v", r.event.text(), m.def.states[r.from])
	case byReset:
		change = fmt.Sprintf("reset of %v", m.def.states[r.from])
	case byStart:
		change = fmt.Sprintf("start in %v", m.def.states[r.from])
	default:
		change = fmt.Sprintf("a question in %v", m.def.states[r.from])
	}
	if p > 0 {
		change = fmt.Sprintf("%s (%s)", change, phases[p])
	}
	return change, moment(began)
}

// question runs user code of a call that is no change, within the turn.
func (m *Machine[S]) question(ctx context.Context, ask func(*hookContext) error) (err error) {
	c := change[S]{kind: byNobody, ctx: ctx, entry: entry{at: now(), from: m.id()}}
	m.runCode(&c, func() { err = ask(c.code) })
	return err
}

// inTurn runs code that is no change in a turn of its own, with the mutex locked.
func (m *Machine[S]) inTurn(ctx context.Context, run func() error) error {
	if ctx.Err() != nil {
		return ctxerr.Of(ctx)
	}
	m.turn.mu.Lock()
	if err := m.claim(ctx); err == ErrReentrant {
		m.turn.mu.Unlock()
		return err
	} else if err != nil {
		return err
	}
	defer m.leave()
	m.begin()
	if m.closed {
		return ErrClosed
	}
	return run()
}

// leave gives the turn to the next caller. However the turn ended, no change that was queued in
// it runs in a later turn, and once the machine is closed no caller waits.
func (m *Machine[S]) leave() {
	defer m.turn.give()
	if m.closed && m.watched() {
		m.extras.watchers.end(ErrClosed)
	}
	if m.extras != nil {
		m.abandon()
	}
}

// abandon refuses the queued changes, if there are any: user code of the change that they wait
// for did not return.
func (m *Machine[S]) abandon() {
	q := m.extras.queue
	if q == nil || len(q.waiting) == 0 {
		return
	}
	q.broken = true
	defer func() { q.broken = false }()
	m.drop()
}

// drop refuses the queued changes, also if the function for errors does not return.
func (m *Machine[S]) drop() {
	q := m.extras.queue
	if len(q.waiting) == 0 {
		return
	}
	dropped := q.take()
	defer m.drop()
	m.settle(dropped, m.refusal(&dropped.change, PhaseTurn, ErrAborted))
}

// drain runs the queued changes until the queue is empty; they may queue more. It has the
// turn and the mutex.
func (m *Machine[S]) drain() {
	q := m.extras.queue
	for q != nil && len(q.waiting) > 0 {
		next := q.take()
		var refused error
		if m.closed {
			refused = m.refusal(&next.change, PhaseTurn, ErrClosed)
		}
		m.settle(next, refused)
	}
}

// settle runs a queued change, unless it is refused already, and reports its error.
func (m *Machine[S]) settle(q queued[S], refused error) {
	c := &q.change
	c.ctx, c.at, c.from = q.ctx, now(), m.id()
	if refused == nil {
		m.runCode(c, func() {
			if q.ctx.Err() != nil {
				refused = m.refusal(c, PhaseTurn, ctxerr.Of(q.ctx))
			}
		})
	}
	if refused == nil {
		refused = m.perform(q.ctx, c)
	}
	if refused != nil {
		m.runCode(c, func() { m.extras.queue.failed(c.code, refused) })
	}
}

// fireTimer is called by the timer. It takes a turn as a caller does. By then the timeout may
// be over, and so may the machine.
func (m *Machine[S]) fireTimer() {
	defer m.extras.timers.firing.Done()
	m.turn.mu.Lock()
	_ = m.turn.claim(context.Background(), unlimited) // which does not end before
	defer m.leave()
	m.extras.timers.armed = false
	if !m.expireOne(time.Now(), math.MaxUint64) {
		m.armTimers()
	}
}

// begin makes a new turn ready. It lets the timeouts go first that were due when the call got
// its turn: their timer may be late, or they were restored. Timeouts that these start are not
// among them, or a circle could hold up the call for ever. It has the turn and the mutex.
func (m *Machine[S]) begin() {
	if m.extras == nil {
		m.extras = m.newExtras()
	}
	if len(m.extras.timers.pending) == 0 {
		return
	}
	for now, last := time.Now(), m.past.count; m.expireOne(now, last); {
	}
}

// expireOne carries out one timeout that is due and that a transition up to the number last has
// started, and the changes that its hooks have queued. It has the turn and the mutex.
func (m *Machine[S]) expireOne(now time.Time, last uint64) bool {
	if m.closed || m.start != started {
		return false
	}
	timers := &m.extras.timers
	i, due := timers.overdue(now, last)
	if !due {
		return false
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	timers.interrupt = cancel
	defer func() { // also if user code ends the goroutine
		timers.interrupt = nil
		m.armTimers()
	}()
	defer m.abandon() // while ctx is good
	t := &m.def.timeouts[i]
	c := change[S]{kind: byTimeout, to: t.to, cause: t.cause(), timeout: i}
	err := m.perform(ctx, &c)
	if failed, ok := err.(*TransitionError[S]); ok && (failed.Moved || !m.closed) { // Close interrupts a timeout, and does not refuse it
		m.runCode(&c, func() {
			for _, run := range m.def.onTimeoutError {
				run(c.code, failed)
			}
			if w, ok := m.extras.writer.(TimeoutErrorHandler); ok {
				w.HandleTimeoutError(c.code, failed)
			}
		})
	}
	m.drain()
	return true
}
