package fsm

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/lease"
)

// Machine is in one state of its definition and moves along the table. Its
// methods may be called from any number of goroutines. Its zero value is of no
// use: it comes from [New] or [Restore]. It starts no goroutine, so one that is no
// longer used needs no Close; but for one whose definition has a [Timeout], which
// lives and moves until then.
type Machine[S comparable] struct {
	def   *Definition[S]
	state atomic.Uint32 // index of the state; written at a commit only

	plain  bool // no user code, no lease and not closed: nothing takes time
	closed bool // changed and read with turn.mu alone, as are watch and the queue
	turn   turn
	// What follows is changed with both the turn and turn.mu, and read with
	// either; so is plain, but Close changes it with turn.mu alone.
	lease lease.Lease // nil without one, or once detached
	since int64       // nanoseconds since 1970
	past  history

	watch *watchers[S] // nil while nobody watches
	annex *annex[S]    // what most machines have not; nil for them
}

// New returns a machine in the definition's initial state. Nothing is written
// to a lease yet: the record has the value with which it was created. It panics
// if def is nil or was not made by [Define].
func New[S comparable](def *Definition[S], opts ...Option) *Machine[S] {
	if def == nil || def.graph == nil {
		panic("fsm: New needs a definition made by Define")
	}
	c := configured(opts)
	m := blank(def, c)
	m.since = now()
	if c.queue > 0 || !def.bare {
		m.furnish(c)
	}
	return m
}

func blank[S comparable](def *Definition[S], c config) *Machine[S] {
	return &Machine[S]{
		def:   def,
		plain: def.bare && c.lease == nil,
		lease: c.lease,
		past:  history{limit: uint32(c.history)},
	}
}

// furnish gives a new machine what not all have.
func (m *Machine[S]) furnish(c config) {
	if c.queue == 0 && !m.def.stands() {
		m.state.Store(uint32(m.def.start))
		return
	}
	m.annex = newAnnex[S](c)
	m.state.Store(uint32(m.def.start))
	var p plan[S]
	p.entry = entry{at: m.since, from: m.def.start}
	m.head(&p, way{to: m.def.start, goal: m.def.start, top: none}, 0)
	if next := m.ahead(&p); next != nil {
		m.turn.mu.Lock()
		defer m.turn.mu.Unlock()
		m.annex.standing = *next
		m.arm()
	}
}

// Definition returns what the machine was made from.
func (m *Machine[S]) Definition() *Definition[S] { return m.def }

// State returns the state that was committed last. It is one atomic load.
func (m *Machine[S]) State() S { return m.def.graph.states[m.present()] }

// Can reports whether the table leads from the present state to another. It
// asks no guard and no lease, and the state may have changed by the time the
// answer is used.
func (m *Machine[S]) Can(to S) bool {
	_, _, ok := m.def.graph.edge(m.present(), to)
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
		return wrapped("detach", err)
	}
	defer m.leave()
	if m.lease == nil {
		return nil
	}
	if m.turn.open(m.trust) == nil {
		return fmt.Errorf("detach from %q (token %d): %w", m.lease.Key(), m.lease.Token(), ErrAttached)
	}
	m.lease = nil
	m.plain = m.def.bare && !m.closed
	return nil
}

// Close refuses every change from now on with [ErrClosed], those that wait for
// their turn included, and returns when the one in progress has ended; so do
// waits and subscriptions then, and timeouts end for good. If ctx ends first its error is returned; the
// machine is closed all the same. It may be called again. It does not release the
// lease. Reading goes on.
func (m *Machine[S]) Close(ctx context.Context) error {
	if m.turn.within(ctx) {
		return wrapped("close", ErrReentrant)
	}
	m.turn.mu.Lock()
	m.closed, m.plain = true, false
	m.silence()
	if err := m.turn.claim(ctx); err != nil {
		return wrapped("close", err)
	}
	m.leave()
	if m.annex != nil {
		m.annex.ringing.Wait() // there is nothing for them to do any more
	}
	return nil
}

// take waits for the turn of what is no change itself. On success the mutex is
// locked, and leave is due.
func (m *Machine[S]) take(ctx context.Context) error {
	if ctx.Err() != nil {
		return ended(ctx)
	}
	m.turn.mu.Lock()
	if err := m.turn.claim(ctx); err != nil {
		return err
	}
	m.catchUp()
	if m.closed {
		m.leave()
		return ErrClosed
	}
	return nil
}

// leave gives the turn to the next. Whatever ended it, nothing that was queued
// stays behind to run in the turn of another, and once the machine is closed
// nobody waits for it in vain.
func (m *Machine[S]) leave() {
	defer m.turn.give()
	if m.closed && m.watch != nil {
		m.watch.end(ErrClosed)
		m.watch = nil
	}
	if q := m.queue(); q != nil && len(q.waiting) > 0 {
		m.drop()
	}
}

// trust says why the term may no longer be acted on, or nil. It needs the turn
// with the mutex open, because the lease may have locks of its own.
func (m *Machine[S]) trust() error {
	if m.lease == nil || m.lease.Valid() {
		return nil
	}
	if err := m.lease.Err(); err != nil {
		return err
	}
	// The clocks have said so; the timer that closes Done is yet to fire.
	return &lease.LostError{Key: m.lease.Key(), Token: m.lease.Token(), Cause: lease.ErrExpired}
}

// present is the index of the present state.
func (m *Machine[S]) present() uint16 { return uint16(m.state.Load()) }

// wrapped says what it was that failed.
func wrapped(what string, err error) error { return fmt.Errorf("%s: %w", what, err) }
