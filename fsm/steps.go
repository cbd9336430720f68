package fsm

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// perform makes a change: steps 2 to 10 of [Machine.Transition]. It has the turn, with the
// mutex open.
func (m *Machine[S]) perform(ctx *hookContext, c *change[S]) (err error) {
	c.entry = entry{at: now(), from: m.id(), to: m.id()}
	if len(m.def.finally) == 0 || c.kind == byReset {
		return m.steps(ctx, c)
	}
	err = ErrAborted // stands if user code does not return
	defer func() {
		// 10. The finally hooks get the result.
		if c.ignored {
			return
		}
		if c.t.At.IsZero() {
			m.leadNowhere(c)
		}
		for _, run := range m.def.finally {
			run(ctx, c.t, err)
		}
	}()
	return m.steps(ctx, c)
}

// steps makes a change: steps 2 to 9 of [Machine.Transition], in this order (9 is deferred).
func (m *Machine[S]) steps(ctx *hookContext, c *change[S]) error {
	// 2. The writer has to be good.
	if err := m.writerErr(); err != nil {
		return m.refusal(c, PhaseEnded, err)
	}

	// 3 and 4. The edge is found in the table, and the guards are asked.
	switch c.kind {
	case byTarget:
		edge := m.def.edge(c.from, c.to)
		if edge == nil {
			return m.refusal(c, PhaseTable, ErrInvalidTransition)
		}
		m.lead(c, edge)
		if refused := m.askGuards(ctx, c); refused != nil {
			return m.refusal(c, PhaseGuard, refused)
		}
	case byEvent:
		if err := m.resolve(ctx, c); err != nil || !c.taken {
			return err
		}
	case byReset:
		m.leadToInitial(c)
	}

	// 5. The before hooks.
	if c.kind != byReset {
		for _, run := range m.def.before {
			if err := run(ctx, c.t); err != nil {
				return m.refusal(c, PhaseBefore, fmt.Errorf("before hook: %w", err))
			}
		}
	}

	// 6 and 7. The value is written and the transition committed.
	if c.moves() {
		if m.def.stateful {
			m.advance(ctx, c)
		}
		watched, err := m.write(ctx, c)
		if err != nil {
			return m.refusal(c, PhaseWrite, fmt.Errorf("write: %w", err))
		}
		if watched {
			// 9. The watchers are told, also if a hook panics. A watcher that begins after
			// the commit sees the new state anyway.
			defer m.tell(c)
		}
	}
	if c.kind == byReset {
		return nil
	}

	// 8. The hooks run, all of them.
	if phase, err := m.runHooks(ctx, c); err != nil {
		return m.failure(c, c.from, phase, err, c.moves())
	}
	return nil
}

// resolve finds the rule that an event takes: steps 3 and 4 for an event. Without an error
// the rule is taken, or nothing more is to be done.
func (m *Machine[S]) resolve(ctx *hookContext, c *change[S]) error {
	rules, number := m.def.rulesIn(c.from, c.event)
	var vetoed refusals
	for i := range rules {
		edge, ok := m.def.applies(c.from, &rules[i])
		if !ok {
			continue
		}
		c.rule, c.entry.event = rules[i].eventRule, number
		if c.rule.kind == ignored {
			c.ignored = true
			return nil
		}
		refused, err := m.try(ctx, c, edge)
		switch {
		case err != nil:
			return m.eventError(c, c.from, err)
		case refused == nil:
			c.taken = true
			return nil
		}
		vetoed = append(vetoed, refused)
	}
	if c.rule == nil {
		err := m.unhandled(c.event)
		if m.def.unhandled != nil {
			return m.def.unhandled(ctx, err)
		}
		return err
	}
	m.leadNowhere(c)
	return m.eventError(c, c.from, vetoed)
}

// try leads a change along a candidate, whose edge is nil unless it leads: it asks the
// candidate's guards, has a Choose find the target, and asks the guards of edge and target.
func (m *Machine[S]) try(ctx *hookContext, c *change[S], edge *graph.Edge[hook[S]]) (*GuardError, error) {
	if edge != nil {
		m.lead(c, edge)
	} else {
		m.leadNowhere(c)
	}
	for _, g := range c.rule.guards {
		if err := g.check(ctx, c.t, c.arg); err != nil {
			return &GuardError{Name: g.name, Err: err}, nil
		}
	}
	if c.rule.kind == chooses {
		to, err := c.rule.choose(ctx, c.t, c.arg)
		if err != nil {
			return nil, fmt.Errorf("choice: %w", err)
		}
		edge := m.def.edge(c.from, to)
		if edge == nil || !slices.Contains(c.rule.to, to) {
			return nil, fmt.Errorf("choice: %q is %w, or not declared", label(to), ErrInvalidTransition)
		}
		m.lead(c, edge)
	}
	return m.askGuards(ctx, c), nil
}

// askGuards asks the guards of the edge and of the states that would be entered.
func (m *Machine[S]) askGuards(ctx *hookContext, c *change[S]) *GuardError {
	if c.edge == nil {
		return nil
	}
	for g := range m.def.graph.Guards(c.edge, c.route.Goal, c.route.Leaf) {
		if err := g.Check(ctx, c.t); err != nil {
			return &GuardError{Name: g.Name, Err: err}
		}
	}
	return nil
}

// lead has a change take an edge.
func (m *Machine[S]) lead(c *change[S], edge *graph.Edge[hook[S]]) {
	c.edge, c.route = edge, m.def.graph.Route(c.from, edge, m.extras.memory)
	m.describe(c, m.past.count+1)
}

// leadToInitial has a reset lead to the initial state, past everything.
func (m *Machine[S]) leadToInitial(c *change[S]) {
	c.route = graph.Route{Leaf: m.def.start, Goal: m.def.start, Domain: graph.None}
	c.entry.event = forced
	m.describe(c, m.past.count+1)
}

// leadNowhere has a change lead nowhere.
func (m *Machine[S]) leadNowhere(c *change[S]) {
	c.edge, c.route = nil, graph.Route{Leaf: c.from, Goal: c.from, Domain: c.from}
	m.describe(c, 0)
}

// describe makes the transition that guards and hooks see.
func (m *Machine[S]) describe(c *change[S], number uint64) {
	c.entry.to = c.route.Leaf
	c.t = m.def.transition(c.entry, number, c.cause)
	if c.kind == byEvent {
		c.t.Event = c.event.text() // also of an event that the definition does not know
	}
}

// advance finds the memory and the timeouts after the transition.
func (m *Machine[S]) advance(ctx *hookContext, c *change[S]) {
	g := m.def.graph
	if c.kind == byReset {
		c.memory = g.Forget()
	} else {
		c.memory = g.Update(m.extras.memory, c.from, c.route.Domain)
	}
	for _, p := range m.extras.timers.pending {
		if !g.Leaves(c.from, c.route.Domain, m.def.timeouts[p.timeout].id) {
			c.pending = append(c.pending, p)
		}
	}
	m.startTimeouts(ctx, c)
}

// startTimeouts adds the timeouts of the states that the change enters.
func (m *Machine[S]) startTimeouts(ctx *hookContext, c *change[S]) {
	for s := range m.def.graph.Down(c.route.Domain, c.route.Leaf) {
		for _, i := range m.def.timeoutsOf[s] {
			after := int64(m.def.timeouts[i].duration(ctx, c.t))
			c.pending = append(c.pending, pendingTimeout{timeout: i, deadline: c.at + min(after, math.MaxInt64-c.at)})
		}
	}
}

// errNoCommit is the error of a writer that breaks its contract.
var errNoCommit = errors.New("the writer returned no error and did not call commit")

// write stores the value, if there is a writer, and commits the change. It reports whether
// there were watchers then.
func (m *Machine[S]) write(ctx *hookContext, c *change[S]) (watched bool, err error) {
	w := m.extras.writer
	if w == nil {
		return m.publish(c), nil
	}
	kept, committed, seen := *c, false, false // copies for the closures, or every change would be on the heap
	err = w.Write(ctx,
		func() ([]byte, error) { return m.encode(ctx, &kept) },
		func() {
			if !committed {
				committed, seen = true, m.publish(&kept)
			}
		})
	if err == nil && !committed {
		return false, errNoCommit
	}
	return seen, err
}

// publish commits a change and starts its timeouts. It reports whether there are watchers.
func (m *Machine[S]) publish(c *change[S]) (watched bool) {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	m.commit(c.entry, c.cause, c.isSelf())
	if m.def.stateful {
		m.extras.memory, m.extras.timers.pending = c.memory, c.pending
		m.armTimers()
	}
	return m.watched()
}

// armTimers sets the timer for the next timeout. The mutex is locked.
func (m *Machine[S]) armTimers() {
	if m.closed {
		m.extras.timers.disarm()
	} else {
		m.extras.timers.arm()
	}
}

// tell notifies the watchers of a change after its hooks.
func (m *Machine[S]) tell(c *change[S]) {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	m.extras.watchers.tell(c.t)
}

// runHooks runs the hooks after the commit, and returns their errors with the phase of the
// first.
func (m *Machine[S]) runHooks(ctx *hookContext, c *change[S]) (first Phase, err error) {
	var failed []error
	note := func(phase Phase, err error) {
		if err != nil {
			failed = append(failed, fmt.Errorf("%s hook: %w", phase, err))
			first = cmp.Or(first, phase)
		}
	}
	g := m.def.graph
	if c.edge != nil {
		for s := range g.Up(c.from, c.route.Domain) {
			for _, run := range g.Nodes[s].Exit {
				note(PhaseExit, run(ctx, c.t))
			}
		}
		for each := range c.edge.Code() {
			for _, run := range each.Hooks {
				note(PhaseEdge, run(ctx, c.t))
			}
		}
	}
	if c.rule != nil {
		for _, act := range c.rule.acts {
			note(PhaseEdge, act(ctx, c.t, c.arg))
		}
	}
	if c.edge != nil {
		for s := range g.Down(c.route.Domain, c.route.Leaf) {
			for _, run := range g.Nodes[s].Entry {
				note(PhaseEntry, run(ctx, c.t))
			}
		}
	}
	for _, run := range m.def.after {
		note(PhaseAfter, run(ctx, c.t))
	}
	return first, errors.Join(failed...)
}

// refusal is the error of a change that did not move the machine.
func (m *Machine[S]) refusal(c *change[S], phase Phase, err error) error {
	return m.failure(c, m.id(), phase, err, false)
}

// failure is the error of a change: a *TransitionError; for an event an *EventError, around
// a *TransitionError once a rule was taken.
func (m *Machine[S]) failure(c *change[S], from graph.ID, phase Phase, err error, moved bool) error {
	if c.kind == byEvent && !c.taken {
		return m.eventError(c, from, err)
	}
	to := c.to
	if !c.t.At.IsZero() {
		to = c.t.To
	}
	err = m.transitionError(from, to, phase, err, moved)
	if c.kind == byEvent {
		return m.eventError(c, from, err)
	}
	return err
}

func (m *Machine[S]) transitionError(from graph.ID, to S, phase Phase, err error, moved bool) error {
	return &TransitionError[S]{From: m.def.states[from], To: to, Permitted: m.def.permitted(from), Phase: phase, Err: err, Moved: moved}
}

func (m *Machine[S]) eventError(c *change[S], from graph.ID, err error) error {
	return &EventError[S]{Event: c.event.text(), State: m.def.states[from], Permitted: m.def.handledIn(from), Err: err}
}

// unhandled is the error of an event that has no rule in the present state.
func (m *Machine[S]) unhandled(e *event) *EventError[S] {
	err := &EventError[S]{Event: e.text(), State: m.State(), Permitted: m.def.handledIn(m.id()), Err: ErrUnhandled}
	switch {
	case e == nil:
		err.Err = fmt.Errorf("%w: it was not made by NewEvent", ErrUnknownEvent)
	case m.def.number(e) == 0:
		err.Err = ErrUnknownEvent
	}
	return err
}

// permittedEvents returns the events with a candidate whose guards all pass. A guard that
// needs an argument counts as passed. It has the turn, with the mutex open.
func (m *Machine[S]) permittedEvents(ctx *hookContext) []string {
	var names []string
	from := m.id()
	for _, number := range m.def.eventsIn(from) {
		rules, e := m.def.rulesFor(from, number), m.def.events[number-1]
		passes := func(candidate candidate[S]) bool {
			edge, ok := m.def.applies(from, &candidate)
			if !ok || candidate.kind == ignored {
				return ok
			}
			// The choice of a Choose is not asked for, nor a guard that needs an argument.
			rule := *candidate.eventRule
			rule.choose, rule.kind = nil, internal
			if e.signal == nil {
				rule.guards = nil
			}
			c := change[S]{kind: byEvent, event: e, arg: e.signal, rule: &rule}
			c.entry = entry{at: now(), from: from, to: from, event: number}
			refused, _ := m.try(ctx, &c, edge)
			return refused == nil
		}
		if i := slices.IndexFunc(rules, passes); i >= 0 && rules[i].kind != ignored {
			names = append(names, e.name)
		}
	}
	return names
}
