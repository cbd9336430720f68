package fsm

import (
	"context"
	"fmt"
	"time"
)

// Transition is one step of a machine: the one under way, for guards and hooks,
// or a past one, in the history.
type Transition[S comparable] struct {
	// Number counts the committed transitions of a machine, from 1. One that
	// fails leaves no gap. It is 0 for what is no step: an event handled by an
	// [Internal] rule, or what [Finally] hears of without a target.
	Number uint64 `json:"number"`
	// From and To are leaves, whatever was asked for.
	From S `json:"from"`
	To   S `json:"to"`
	// Event is the name of the event that asked for it; empty for a transition
	// that was asked for by its target.
	Event string `json:"event,omitempty"`
	// At is when its turn came, in UTC. It is good to a few nanoseconds, but for
	// the second that follows a step of the wall clock or a suspension: it may be
	// that much behind then.
	At    time.Time `json:"at"`
	Cause string    `json:"cause,omitempty"`
	// Forced says that it went around the table: [Machine.Reset].
	Forced bool `json:"forced,omitempty"`
}

// Transition moves the machine to a state (with a hierarchy to the leaf that is entered
// with it: see [Substates]), or says in a *[TransitionError] why
// not. This is the order, for an event ([Fire]) as well:
//
//  1. A ctx that has ended is refused. The call waits for its turn; if ctx ends
//     first it leaves. A closed machine refuses.
//  2. A machine whose term has ended refuses.
//  3. An edge that is not in the table is refused: [ErrInvalidTransition]. An event has to
//     have a rule for the state: [ErrUnhandled], [ErrUnknownEvent]; the
//     [OnUnhandled] hook has its say here. An ignored one is done.
//  4. The guards are asked until one refuses: of the event's candidate ([If]),
//     then of the edge ([GuardEdge]), then of the target ([Guard]; with a hierarchy of
//     each state that would be entered, the outermost first), in the order in which
//     they were given. If one refuses, the event's next candidate has its
//     turn. A [Choose] finds its target after its own guards.
//  5. The before hooks run, until one vetoes.
//  6. On a lease, the value is made and written. If the write fails or is in
//     doubt (store.ErrInDoubt) the machine has not moved; the lease settles a
//     doubt before it writes again.
//  7. The transition is committed: readers see the new state and the history.
//  8. The exit hooks of the source (and of the states around it that are left, the
//     innermost first: see [Substates]), those along the edge, the event's [Do], the
//     entry hooks of the target (and before them of those around it that are entered,
//     the outermost first) and the after hooks run, all of them. The errors
//     of those that fail are returned, joined; the machine has moved, and the
//     error says so. Without [Reenter] a state that is its own target has neither
//     exit nor enter.
//  9. Those who wait or have subscribed are told.
//  10. The finally hooks run.
//  11. What hooks have asked for meanwhile has its turn: [WithQueue].
//
// An event with an [Internal] rule goes without 6, 7 and 9, and of 8 has its Do
// and the after hooks alone.
//
// A failure up to step 6 leaves no trace: state, history and number are as they
// were. A ctx that ends after step 1 ends nothing by itself; guards, hooks and
// the write get it.
func (m *Machine[S]) Transition(ctx context.Context, to S) error {
	return m.TransitionWithCause(ctx, to, "")
}

// TransitionWithCause is [Machine.Transition] with a cause for the history.
//
// This is the hot path. A machine without user code and without a lease goes
// through it under one lock, reading the clock once and allocating nothing.
func (m *Machine[S]) TransitionWithCause(ctx context.Context, to S, cause string) error {
	if ctx.Err() != nil {
		return m.failed(&request[S]{to: to}, PhaseTurn, ended(ctx))
	}
	m.turn.mu.Lock()
	if m.turn.taken || !m.plain { // something may refuse or take time
		return m.attend(ctx, &request[S]{to: to, cause: cause})
	}
	defer m.turn.mu.Unlock()
	_, target, ok := m.def.graph.edge(m.present(), to)
	if !ok {
		return m.refusal(to, PhaseTable, ErrInvalidTransition)
	}
	e := entry{at: now(), from: m.present(), to: target}
	m.commit(e, cause, m.def.remains(e))
	if m.watch != nil {
		m.showLast(e, cause)
	}
	return nil
}

// Reset returns the machine to its initial state, from wherever it is, for
// recovery. It is written through the lease like any change and recorded as
// forced, but it goes around the table and runs no guard and no hook. It fails
// with a *[TransitionError] as [Machine.Transition] does in its steps 1, 2 and
// 6, and changes nothing then.
func (m *Machine[S]) Reset(ctx context.Context, cause string) error {
	r := &request[S]{to: m.def.Initial(), reset: true, cause: cause}
	if ctx.Err() != nil {
		return m.failed(r, PhaseTurn, ended(ctx))
	}
	m.turn.mu.Lock()
	return m.attend(ctx, r)
}

// write makes a step, once the store has confirmed it if there is a lease, and
// says whether anyone watched then. It has the turn; the mutex is open.
func (m *Machine[S]) write(ctx context.Context, s step, stays bool, next *standing) (watched bool, err error) {
	if m.lease == nil {
		return m.publish(s, stays, next), nil
	}
	var seen bool
	err = m.lease.Write(ctx,
		func() ([]byte, error) { return m.encode(s, stays, next) },
		func() { seen = m.publish(s, stays, next) })
	if err != nil {
		return false, m.refusal(m.def.graph.states[s.to], PhaseWrite, fmt.Errorf("write: %w", err))
	}
	return seen, nil
}

// publish is commit for where the mutex is open.
func (m *Machine[S]) publish(s step, stays bool, next *standing) (watched bool) {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	m.commit(s.entry, s.cause, stays)
	if next != nil {
		m.annex.standing = *next
		m.arm()
	}
	return m.watch != nil
}

// commit makes a step, which stays if it leaves its state only to be recorded. This
// is the only place where a machine changes state. It needs the turn and the mutex.
func (m *Machine[S]) commit(e entry, cause string, stays bool) {
	if !stays {
		m.since = e.at
	}
	m.past.count++
	if cause != "" || !m.past.replace(e) {
		m.past.extend(e, cause)
	}
	m.state.Store(uint32(e.to))
}

// remains reports whether a step stays, without a hierarchy.
func (d *Definition[S]) remains(e entry) bool {
	return e.from == e.to && d.places[e.from].self == remaining
}

// refusal is the error of a step that was not made from the present state.
func (m *Machine[S]) refusal(to S, phase Phase, err error) error {
	return m.failure(m.present(), to, phase, err, false)
}

func (m *Machine[S]) failure(from uint16, to S, phase Phase, err error, moved bool) error {
	g := m.def.graph
	return &TransitionError[S]{From: g.states[from], To: to, Permitted: g.next[from], Phase: phase, Err: err, Moved: moved}
}
