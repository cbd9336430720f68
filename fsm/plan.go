package fsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
)

// plan is a step under way, with the rules that it runs by. Until a target has
// been found it leads from the present state to itself, with number 0.
type plan[S comparable] struct {
	step
	way  way
	next *standing     // that the machine will have; nil if it stays what it is
	told Transition[S] // the step in the caller's terms, once lead has been called
	name string        // of the event, also if the definition has none such
	edge *edge[S]
	by   *candidate[S] // nil for a step that was asked for by its target
	arg  argument
}

// begin starts a new plan for a request.
func (m *Machine[S]) begin(p *plan[S], r *request[S]) {
	p.entry = entry{at: now(), from: m.present(), to: m.present()}
	p.cause, p.arg = r.cause, r.arg
	if r.fires {
		p.name = Event[NoArg]{r.event}.Name()
	}
}

// lead gives a plan its target: along the edge at its place among those of the
// present state.
func (m *Machine[S]) lead(p *plan[S], at int) {
	m.head(p, m.def.way(p.from, at, m.memory()), m.past.count+1)
	p.edge = m.def.edgeRules(p.from, at)
}

// linger takes the target from a plan.
func (m *Machine[S]) linger(p *plan[S]) { m.head(p, way{to: p.from, goal: p.from}, 0) }

func (m *Machine[S]) head(p *plan[S], w way, number uint64) {
	p.way, p.to, p.edge, p.number = w, w.to, nil, number
	p.told = m.transition(p.step)
	p.told.Event = p.name
}

// internal reports whether a plan is handled where it is.
func (p *plan[S]) internal() bool { return p.by != nil && p.by.kind == stays }

// handle does what the rules say about an event in the present state.
func (m *Machine[S]) handle(v *visit, r *request[S], p *plan[S]) error {
	h := m.def.handler(p.from, r.event)
	switch {
	case h != nil:
		p.event = h.event
	case m.def.unhandled != nil:
		return m.def.unhandled(v, m.unhandled(r.event))
	default:
		return m.unhandled(r.event)
	}
	var vetoed refusals
	for i := range h.candidates {
		refused, err := m.try(v, p, &h.candidates[i])
		switch {
		case refused != nil:
			vetoed = append(vetoed, refused)
		case err == nil:
			return m.ofEvent(r, p.from, m.finish(v, p))
		case err == errIgnored:
			return err
		default:
			return m.ofEvent(r, p.from, err)
		}
	}
	m.linger(p)
	return m.ofEvent(r, p.from, vetoed)
}

// try makes a candidate the plan, unless a guard refuses or there is no target.
func (m *Machine[S]) try(v *visit, p *plan[S], c *candidate[S]) (*GuardError, error) {
	if c.kind == ignores {
		return nil, errIgnored
	}
	p.by = c
	if c.kind == leads {
		m.lead(p, c.at)
	} else {
		m.linger(p)
	}
	if refused := p.ask(v); refused != nil {
		return refused, nil
	}
	if c.kind == chooses {
		if err := m.choose(v, p); err != nil {
			return nil, fmt.Errorf("choice: %w", err)
		}
	}
	if c.kind == stays {
		return nil, nil
	}
	return m.def.admit(v, p), nil
}

// choose lets a Choose find the target.
func (m *Machine[S]) choose(v *visit, p *plan[S]) error {
	to, err := p.by.choose(v, p.told, p.arg)
	if err != nil {
		return err
	}
	at, _, ok := m.def.graph.edge(p.from, to)
	if !ok || !slices.Contains(p.by.among, to) {
		return fmt.Errorf("%q is %w, or not declared", label(to), ErrInvalidTransition)
	}
	m.lead(p, at)
	return nil
}

// ask asks the candidate's own guards.
func (p *plan[S]) ask(ctx context.Context) *GuardError {
	for _, g := range p.by.guards {
		if err := g.ask(ctx, p.told, p.arg); err != nil {
			return &GuardError{Name: g.name, Err: err}
		}
	}
	return nil
}

// admit asks the guards of the edge and of the states that would be entered.
func (d *Definition[S]) admit(ctx context.Context, p *plan[S]) *GuardError {
	if refused := p.pass(ctx, p.edge.guards); refused != nil {
		return refused
	}
	return p.pass(ctx, d.asked(p.way))
}

func (p *plan[S]) pass(ctx context.Context, guards []guard[S]) *GuardError {
	for _, g := range guards {
		if err := g.check(ctx, p.told); err != nil {
			return &GuardError{Name: g.name, Err: err}
		}
	}
	return nil
}

// veto asks the before hooks.
func (d *Definition[S]) veto(ctx context.Context, p *plan[S]) error {
	for _, run := range d.before {
		if err := run(ctx, p.told); err != nil {
			return fmt.Errorf("before hook: %w", err)
		}
	}
	return nil
}

// followed collects what fails after a commit.
type followed struct {
	first  Phase
	failed []error
}

func (f *followed) note(phase Phase, err error) {
	if err != nil {
		f.failed = append(f.failed, fmt.Errorf("%s hook: %w", phase, err))
		f.first = cmp.Or(f.first, phase)
	}
}

// follow runs what comes after a commit, to the end, and returns what failed
// with the phase of the first.
func (d *Definition[S]) follow(ctx context.Context, p *plan[S]) (Phase, error) {
	var f followed
	run := func(phase Phase, hooks []hook[S]) {
		for _, hook := range hooks {
			f.note(phase, hook(ctx, p.told))
		}
	}
	left := !p.internal() && !p.way.stays
	if left {
		run(PhaseExit, d.exits(p.from, p.way.top))
	}
	if !p.internal() {
		run(PhaseEdge, p.edge.along)
	}
	if p.by != nil {
		for _, act := range p.by.acts {
			f.note(PhaseEdge, act(ctx, p.told, p.arg))
		}
	}
	if left {
		run(PhaseEntry, d.entries(p.way.top, p.to))
	}
	run(PhaseAfter, d.after)
	return f.first, errors.Join(f.failed...)
}
