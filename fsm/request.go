package fsm

import (
	"context"
	"errors"
)

// request is what a caller asks a machine for: a state, an event, or a reset.
type request[S comparable] struct {
	to    S
	fires bool   // it is for event, which is nil if the caller's was empty
	event *event // with its argument, which is nil if nobody looks at it
	arg   argument
	reset bool // to the initial state
	cause string
}

// attend is for a change that may have to wait, be refused or take time. The
// mutex is locked when it is called, and open when it returns.
func (m *Machine[S]) attend(ctx context.Context, r *request[S]) error {
	if m.queue() != nil && m.turn.taken && m.turn.within(ctx) {
		return m.later(ctx, r)
	}
	if err := m.turn.claim(ctx); err != nil {
		return m.failed(r, PhaseTurn, err)
	}
	defer m.leave()
	m.catchUp()
	if m.closed {
		return m.failed(r, PhaseTurn, ErrClosed)
	}
	err := m.turn.open(func() error { return m.run(ctx, r) })
	if m.queue() != nil {
		m.drain()
	}
	return err
}

// run carries one request out, with the turn and the mutex open.
func (m *Machine[S]) run(ctx context.Context, r *request[S]) error {
	v := m.turn.visit(ctx)
	defer v.end()
	return m.carry(v, r)
}

// errIgnored ends make, and carry turns it into success.
var errIgnored = errors.New("ignored")

// carry makes a change, and tells the finally hooks how it went.
func (m *Machine[S]) carry(v *visit, r *request[S]) error {
	if r.reset {
		return m.reset(v, r)
	}
	var p plan[S]
	m.begin(&p, r)
	if len(m.def.finals) > 0 {
		return m.conclude(v, r, &p)
	}
	if err := m.make(v, r, &p); err != errIgnored {
		return err
	}
	return nil
}

func (m *Machine[S]) conclude(v *visit, r *request[S], p *plan[S]) (err error) {
	err = ErrAborted // what stands if user code never returns
	defer func() {
		if err == errIgnored {
			err = nil
			return
		}
		if p.told.At.IsZero() { // it got no further than that
			m.linger(p)
		}
		for _, run := range m.def.finals {
			run(v, p.told, err)
		}
	}()
	return m.make(v, r, p)
}

// make makes a change, in the order given at Transition from step 2 on.
func (m *Machine[S]) make(v *visit, r *request[S], p *plan[S]) error {
	if err := m.trust(); err != nil {
		return m.failed(r, PhaseLease, err)
	}
	if r.fires {
		return m.handle(v, r, p)
	}
	at, _, ok := m.def.graph.edge(p.from, r.to)
	if !ok {
		return m.refusal(r.to, PhaseTable, ErrInvalidTransition)
	}
	m.lead(p, at)
	if refused := m.def.admit(v, p); refused != nil {
		return m.refusal(p.told.To, PhaseGuard, refused)
	}
	return m.finish(v, p)
}

// finish takes a step that the guards have let pass from the before hooks to the
// subscribers.
func (m *Machine[S]) finish(v *visit, p *plan[S]) error {
	if err := m.def.veto(v, p); err != nil {
		return m.refusal(p.told.To, PhaseBefore, err)
	}
	if !p.internal() {
		if m.annex != nil {
			p.next = m.ahead(p)
		}
		watched, err := m.write(v, p.step, p.way.stays, p.next)
		if err != nil {
			return err
		}
		if watched { // whoever comes later knows of the step already
			defer m.tell(p) // also if a hook panics
		}
	}
	if phase, err := m.def.follow(v, p); err != nil {
		return m.failure(p.from, p.told.To, phase, err, !p.internal())
	}
	return nil
}

// reset is what Reset asks for.
func (m *Machine[S]) reset(v *visit, r *request[S]) error {
	if err := m.trust(); err != nil {
		return m.failed(r, PhaseLease, err)
	}
	var p plan[S]
	m.begin(&p, r)
	p.event = forced
	m.head(&p, way{to: m.def.start, goal: m.def.start, top: none}, m.past.count+1)
	if m.annex != nil {
		p.next = m.ahead(&p)
	}
	watched, err := m.write(v, p.step, false, p.next)
	if watched {
		m.tell(&p)
	}
	return err
}

// failed is the error of a request that has come to no target of its own.
func (m *Machine[S]) failed(r *request[S], phase Phase, err error) error {
	if r.fires {
		return m.ofEvent(r, m.present(), err)
	}
	return m.refusal(r.to, phase, err)
}

// ofEvent makes the error of an event from what it failed with.
func (m *Machine[S]) ofEvent(r *request[S], from uint16, err error) error {
	if err == nil {
		return nil
	}
	return &EventError[S]{
		Event:     Event[NoArg]{r.event}.Name(),
		State:     m.def.graph.states[from],
		Permitted: m.def.places[from].handled,
		Err:       err,
	}
}
