package fsm

import (
	"context"
	"slices"
)

// Event is something that happens to a machine, with an argument. It is
// declared once, as a value, and known by what it is: two events are never the
// same because their names are. Rules say what it does in which state: [On],
// [Choose], [Internal] and [Ignore]. One event may serve any number of
// definitions. Its zero value is of no use: it comes from [NewEvent] or
// [NewSignal].
type Event[A any] struct{ *event }

// Signal is an event without an argument.
type Signal = Event[NoArg]

// NoArg is the argument of an event that has none.
type NoArg = struct{}

// event is an event without the type of its argument.
type event struct {
	name  string
	alone argument // what a signal is fired with; nil for other events
}

// NewEvent returns a new event that is fired with an argument of type A:
//
//	var Start = fsm.NewEvent[Boot]("start")
//
// The name is for people: it stands in errors, histories and pictures. A
// definition refuses an empty one and two events with the same.
func NewEvent[A any](name string) Event[A] { return Event[A]{&event{name: name}} }

// NewSignal returns a new event without an argument.
func NewSignal(name string) Signal { return Signal{&event{name: name, alone: &box[NoArg]{}}} }

// Name returns the name that the event was given; the zero Event has none.
func (e Event[A]) Name() string {
	if e.event == nil {
		return ""
	}
	return e.name
}

// argument is what an event was fired with. The event that a rule is for fixes
// the type inside, so that it is known wherever it is opened.
type argument interface{ sealed() }

type box[A any] struct{ value A }

func (*box[A]) sealed() {}

// carried gives a typed function the shape of all code that may look at an
// argument.
func carried[S comparable, A any](run func(context.Context, Transition[S], A) error) call[S] {
	if run == nil {
		return nil
	}
	return func(ctx context.Context, t Transition[S], a argument) error { return run(ctx, t, a.(*box[A]).value) }
}

// call is user code of an event's rule.
type call[S comparable] = func(context.Context, Transition[S], argument) error

// Fire tells a machine that an event has happened. What follows is what the
// rules for the event say about the state in which the machine is when its turn
// comes, in the order given at [Machine.Transition]; a failure is an
// *[EventError]. (It is a function because a method cannot have a type parameter
// of its own. Signals have the method [Machine.Fire].)
func Fire[S comparable, A any](ctx context.Context, m *Machine[S], e Event[A], arg A) error {
	if m.def.uses(e.event) {
		return m.fire(ctx, e.event, &box[A]{arg})
	}
	return m.fire(ctx, e.event, nil)
}

// Fire tells the machine that a signal has been given; see the function [Fire].
func (m *Machine[S]) Fire(ctx context.Context, s Signal) error {
	if s.event == nil {
		return m.fire(ctx, nil, nil)
	}
	return m.fire(ctx, s.event, s.alone)
}

// fire is like TransitionWithCause: where nothing can refuse or take time it is
// done under one lock, and allocates nothing.
func (m *Machine[S]) fire(ctx context.Context, e *event, arg argument) error {
	if ctx.Err() != nil {
		return m.failed(&request[S]{fires: true, event: e}, PhaseTurn, ended(ctx))
	}
	m.turn.mu.Lock()
	if m.turn.taken || !m.plain {
		return m.attend(ctx, &request[S]{fires: true, event: e, arg: arg})
	}
	defer m.turn.mu.Unlock()
	h := m.def.handler(m.present(), e)
	if h == nil {
		return m.unhandled(e)
	}
	c := &h.candidates[0] // without guards the first is the only one
	if c.kind != leads {
		return nil
	}
	done := entry{at: now(), from: m.present(), to: c.to, event: h.event}
	m.commit(done, "", m.def.remains(done))
	if m.watch != nil {
		m.showLast(done, "")
	}
	return nil
}

// Events returns the names of the events that may be fired now: those with a
// rule for the present state of which a candidate's guards all pass, in the
// order in which the definition first names them, without duplicates. Guards
// that look at an argument (of [If]) count as passed unless the event is a
// signal, and what a [Choose] would choose is not asked. An ignored event is not
// listed.
//
// Guards are asked in turn with changes, never beside one: the call waits for
// its turn, or, from inside a hook with the hook's context, is part of it. It
// fails like a change if ctx ends first, the machine is closed, or its term has
// ended.
func (m *Machine[S]) PermittedEvents(ctx context.Context) ([]string, error) {
	inside, err := m.look(ctx)
	if err != nil {
		return nil, wrapped("events", err)
	}
	if inside {
		defer m.turn.mu.Unlock()
	} else {
		defer m.leave()
	}
	var names []string
	err = m.turn.open(func() error {
		v := m.turn.visit(ctx)
		defer v.end()
		if err := m.trust(); err != nil {
			return wrapped("events", err)
		}
		names = m.fireable(v)
		return nil
	})
	return names, err
}

// look takes the turn, unless the caller is inside it already. On success the
// mutex is locked.
func (m *Machine[S]) look(ctx context.Context) (inside bool, err error) {
	m.turn.mu.Lock()
	if m.turn.taken && m.turn.within(ctx) {
		return true, nil
	}
	m.turn.mu.Unlock()
	return false, m.take(ctx)
}

// fireable asks the guards. It has the turn; the mutex is open.
func (m *Machine[S]) fireable(v *visit) []string {
	var names []string
	from := m.present()
	handlers := m.def.places[from].handlers
	for i := range handlers {
		h := &handlers[i]
		if j := slices.IndexFunc(h.candidates, func(c candidate[S]) bool { return m.possible(v, from, h, &c) }); j >= 0 && h.candidates[j].kind != ignores {
			names = append(names, h.id.name)
		}
	}
	return names
}

// possible reports whether a candidate would be taken, as far as can be known
// without an argument.
func (m *Machine[S]) possible(v *visit, from uint16, h *handler[S], c *candidate[S]) bool {
	var p plan[S]
	m.begin(&p, &request[S]{fires: true, event: h.id, arg: h.id.alone})
	p.by, p.event = c, h.event
	if c.kind == leads {
		m.lead(&p, c.at)
	} else {
		m.linger(&p)
	}
	if p.arg != nil && p.ask(v) != nil {
		return false
	}
	return c.kind != leads || m.def.admit(v, &p) == nil
}

// unhandled is the error of an event about which nothing is said.
func (m *Machine[S]) unhandled(e *event) *EventError[S] {
	p := &m.def.places[m.present()]
	err := &EventError[S]{Event: Event[NoArg]{e}.Name(), State: m.State(), Permitted: p.handled, Err: ErrUnhandled}
	if !slices.Contains(m.def.events, e) {
		err.Err = ErrUnknownEvent
	}
	return err
}
