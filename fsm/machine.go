package fsm

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/lease"
)

// Machine is in one state of its definition and moves along the table. Its
// methods may be called from any number of goroutines. Its zero value is of no
// use: it comes from [New]. It starts no goroutine, so one that is no longer
// used needs no Close.
type Machine[S comparable] struct {
	def   *Definition[S]
	state atomic.Uint32 // index of the state; written at a commit only

	turn turn
	// What follows is changed with both the turn and turn.mu, and read with
	// either.
	lease  lease.Lease // nil without one, or once detached
	closed bool        // the exception: Close sets it with turn.mu alone
	since  int64       // nanoseconds since 1970
	past   history
}

// New returns a machine in the definition's initial state. Nothing is written
// to a lease yet: the record has the value with which it was created. It panics
// if def is nil or was not made by [Define].
func New[S comparable](def *Definition[S], opts ...Option) *Machine[S] {
	if def == nil || def.graph == nil {
		panic("fsm: New needs a definition made by Define")
	}
	c := config{history: defaultHistory}
	for _, set := range opts {
		c = set(c)
	}
	return &Machine[S]{
		def:   def,
		lease: c.lease,
		since: time.Now().UnixNano(),
		past:  history{limit: c.history},
	}
}

// State returns the state that was committed last. It is one atomic load.
func (m *Machine[S]) State() S { return m.def.graph.states[m.present()] }

// Can reports whether the table leads from the present state to another. It
// asks no guard and no lease, and the state may have changed by the time the
// answer is used.
func (m *Machine[S]) Can(to S) bool {
	_, ok := m.def.graph.edge(m.present(), to)
	return ok
}

// Next returns where the table leads from the present state, in its order: none
// if the state is final.
func (m *Machine[S]) Next() []S { return slices.Clone(m.def.graph.next[m.present()]) }

// History returns the remembered transitions, oldest first. It does not wait
// for a change in progress.
func (m *Machine[S]) History() []Transition[S] {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	return m.remembered()
}

// Detach takes the machine off a lease whose term has ended, for an orderly
// shutdown: from then on it moves in this process alone and writes nothing. It
// fails with [ErrAttached] while the term is good, and does nothing without a
// lease. It waits for its turn.
func (m *Machine[S]) Detach(ctx context.Context) error {
	if err := m.take(ctx); err != nil {
		return fmt.Errorf("detach: %w", err)
	}
	defer m.turn.give()
	if m.lease == nil {
		return nil
	}
	if m.trust() == nil {
		return fmt.Errorf("detach from %q (token %d): %w", m.lease.Key(), m.lease.Token(), ErrAttached)
	}
	m.lease = nil
	return nil
}

// Close refuses every change from now on with [ErrClosed], those that wait for
// their turn included, and returns when the one in progress has ended. If ctx
// ends first its error is returned; the machine is closed all the same. It may
// be called again. It does not release the lease. Reading goes on.
func (m *Machine[S]) Close(ctx context.Context) error {
	if m.turn.within(ctx) {
		return fmt.Errorf("close: %w", ErrReentrant)
	}
	m.turn.mu.Lock()
	m.closed = true
	if err := m.turn.claim(ctx); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	m.turn.give()
	return nil
}

// take waits for the turn of a change. On success turn.mu is locked, and
// turn.give is due.
func (m *Machine[S]) take(ctx context.Context) error {
	if err := m.turn.take(ctx); err != nil {
		return err
	}
	if m.closed {
		m.turn.give()
		return ErrClosed
	}
	return nil
}

// trust says why the term may no longer be acted on, or nil. The lease is asked
// with the mutex open, because it may have locks of its own.
func (m *Machine[S]) trust() error {
	if m.lease == nil {
		return nil
	}
	return m.turn.open(func() error {
		if m.lease.Valid() {
			return nil
		}
		if err := m.lease.Err(); err != nil {
			return err
		}
		// The clocks have said so; the timer that closes Done is yet to fire.
		return &lease.LostError{Key: m.lease.Key(), Token: m.lease.Token(), Cause: lease.ErrExpired}
	})
}

// present is the index of the present state.
func (m *Machine[S]) present() uint16 { return uint16(m.state.Load()) }
