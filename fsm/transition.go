package fsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/lease"
)

// Transition is one step of a machine: the one under way, for guards and hooks,
// or a past one, in the history.
type Transition[S comparable] struct {
	// Number counts the committed transitions of a machine, from 1. One that
	// fails leaves no gap.
	Number uint64 `json:"number"`
	From   S      `json:"from"`
	To     S      `json:"to"`
	// Event is the name of the event that asked for it; empty for a transition
	// that was asked for by its target.
	Event string `json:"event,omitempty"`
	// At is when the table admitted it, in UTC, to the nanosecond.
	At    time.Time `json:"at"`
	Cause string    `json:"cause,omitempty"`
	// Forced says that it went around the table: [Machine.Reset].
	Forced bool `json:"forced,omitempty"`
}

// Transition moves the machine to a state, or says in a *[TransitionError] why
// not. This is the order:
//
//  1. A ctx that has ended is refused. The call waits for its turn; if ctx ends
//     first it leaves.
//  2. A closed machine refuses, and one whose term has ended.
//  3. An edge that is not in the table is refused: [ErrInvalid].
//  4. The guards of the target are asked, in their order, until one refuses.
//  5. The before hooks run, until one vetoes.
//  6. On a lease, the value is made and written. If the write fails or is in
//     doubt (store.ErrInDoubt) the machine has not moved; the lease settles a
//     doubt before it writes again.
//  7. The transition is committed: readers see the new state and the history.
//  8. The exit hooks of the source, the enter hooks of the target and the after
//     hooks run, all of them. The errors of those that fail are returned,
//     joined; the machine has moved, and the error says so.
//
// A failure up to step 6 leaves no trace: state, history and number are as they
// were. A ctx that ends after step 1 ends nothing by itself; guards, hooks and
// the write get it.
func (m *Machine[S]) Transition(ctx context.Context, to S) error {
	return m.TransitionBecause(ctx, to, "")
}

// TransitionBecause is [Machine.Transition] with a cause for the history.
//
// This is the hot path. A machine without user code and without a lease goes
// through it under one lock, reading the clock once and allocating nothing.
func (m *Machine[S]) TransitionBecause(ctx context.Context, to S, cause string) error {
	if err := m.take(ctx); err != nil {
		return m.refusal(to, PhaseTurn, err)
	}
	defer m.turn.give()
	if err := m.trust(); err != nil {
		return m.refusal(to, PhaseLease, err)
	}
	target, ok := m.def.graph.edge(m.present(), to)
	if !ok {
		return m.refusal(to, PhaseTable, ErrInvalid)
	}
	s := m.step(target, cause)
	if m.def.bare && m.lease == nil { // nothing is left that could refuse or take time
		m.commit(s)
		return nil
	}
	return m.turn.open(func() error { return m.carry(ctx, s) })
}

// Reset returns the machine to its initial state, from wherever it is, for
// recovery. It is written through the lease like any change and recorded as
// forced, but it goes around the table and runs no guard and no hook. It fails
// with a *[TransitionError] as [Machine.Transition] does in its steps 1, 2 and
// 6, and changes nothing then.
func (m *Machine[S]) Reset(ctx context.Context, cause string) error {
	initial := m.def.Initial()
	if err := m.take(ctx); err != nil {
		return m.refusal(initial, PhaseTurn, err)
	}
	defer m.turn.give()
	if err := m.trust(); err != nil {
		return m.refusal(initial, PhaseLease, err)
	}
	s := m.step(0, cause)
	s.forced = true
	return m.turn.open(func() error { return m.write(ctx, s) })
}

// step is the next step, from the present state, at this moment.
func (m *Machine[S]) step(to uint16, cause string) step {
	return step{
		entry:  entry{at: time.Now().UnixNano(), from: m.present(), to: to},
		number: m.past.count + 1,
		cause:  cause,
	}
}

// carry takes a step that the table admits through all that may take time or
// refuse it. It has the turn; the mutex is open.
func (m *Machine[S]) carry(ctx context.Context, s step) error {
	visit := m.turn.visit(ctx)
	defer visit.end()
	t := m.transition(s)
	if phase, err := m.def.veto(visit, s, t); err != nil {
		return m.refusal(t.To, phase, err)
	}
	if err := m.write(ctx, s); err != nil {
		return err
	}
	if phase, err := m.def.follow(visit, s, t); err != nil {
		return m.failure(s.from, t.To, phase, err, true)
	}
	return nil
}

// write makes a step, once the store has confirmed it if there is a lease.
func (m *Machine[S]) write(ctx context.Context, s step) error {
	if m.lease == nil {
		m.publish(s)
		return nil
	}
	err := m.lease.Write(ctx, lease.Write{
		Encode: func() ([]byte, error) { return m.encode(s) },
		Commit: func() { m.publish(s) },
	})
	if err != nil {
		return m.refusal(m.def.graph.states[s.to], PhaseWrite, fmt.Errorf("write: %w", err))
	}
	return nil
}

// publish is commit for where the mutex is open.
func (m *Machine[S]) publish(s step) {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	m.commit(s)
}

// commit makes a step. This is the only place where a machine changes state. It
// needs the turn and the mutex.
func (m *Machine[S]) commit(s step) {
	m.past.add(s)
	m.since = s.at
	m.state.Store(uint32(s.to))
}

// veto asks whoever may refuse a step.
func (d *Definition[S]) veto(ctx context.Context, s step, t Transition[S]) (Phase, error) {
	for _, g := range d.places[s.to].guards {
		if err := g.check(ctx, t); err != nil {
			return PhaseGuard, &GuardError{Name: g.name, Err: err}
		}
	}
	for _, run := range d.before {
		if err := run(ctx, t); err != nil {
			return PhaseBefore, fmt.Errorf("before hook: %w", err)
		}
	}
	return 0, nil
}

// follow runs what comes after a commit, to the end, and returns what failed
// with the phase of the first.
func (d *Definition[S]) follow(ctx context.Context, s step, t Transition[S]) (Phase, error) {
	var first Phase
	var failed []error
	run := func(phase Phase, hooks []hook[S]) {
		for _, hook := range hooks {
			if err := hook(ctx, t); err != nil {
				failed = append(failed, fmt.Errorf("%s hook: %w", phase, err))
				first = cmp.Or(first, phase)
			}
		}
	}
	run(PhaseExit, d.places[s.from].exit)
	run(PhaseEnter, d.places[s.to].enter)
	run(PhaseAfter, d.after)
	return first, errors.Join(failed...)
}

// refusal is the error of a step that was not made from the present state.
func (m *Machine[S]) refusal(to S, phase Phase, err error) error {
	return m.failure(m.present(), to, phase, err, false)
}

func (m *Machine[S]) failure(from uint16, to S, phase Phase, err error, moved bool) error {
	g := m.def.graph
	return &TransitionError[S]{From: g.states[from], To: to, Allowed: g.next[from], Phase: phase, Err: err, Moved: moved}
}
