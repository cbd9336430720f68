package fsm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// perform makes a change: steps 2 to 10 of [Machine.Transition]. It has the turn and the mutex,
// which is open while user code runs, and only then.
func (m *Machine[S]) perform(ctx context.Context, c *change[S]) (err error) {
	c.ctx, c.entry = ctx, entry{at: now(), from: m.id(), to: m.id()}
	if m.start != started || c.kind == byStart {
		if done, err := m.checkStart(c); done {
			return err
		}
	}
	if len(m.def.finally)+len(m.extras.observers) > 0 {
		err = ErrAborted // stands if user code does not return
		defer func() { m.conclude(c, err) }()
	}
	if c.kind == byTimeout {
		defer m.endTimeout(c) // before the finally hooks
	}
	return m.steps(c)
}

// conclude makes step 10: the finally hooks, but for a reset, and the observers get the result.
func (m *Machine[S]) conclude(c *change[S], err error) {
	if c.ignored {
		return
	}
	if !c.led {
		m.leadNowhere(c)
	}
	m.open(c)
	defer m.turn.shut()
	c.code.enter(phaseFinally)
	m.shown(c)
	if c.kind != byReset {
		for _, run := range m.def.finally {
			run(c.code, c.t, err)
		}
	}
	if len(m.extras.observers) > 0 {
		r := Result[S]{Transition: c.t, Duration: time.Duration(max(now()-c.at, 0)), Err: err}
		for _, run := range m.extras.observers {
			run(c.code, r)
		}
	}
}

// checkStart refuses a change of a machine that is not started, and a second start. It starts
// the timeouts of a restored machine. It reports whether that was all.
func (m *Machine[S]) checkStart(c *change[S]) (done bool, err error) {
	switch {
	case c.kind != byStart:
		return true, m.refusal(c, PhaseTurn, ErrNotStarted)
	case m.start == started:
		return true, m.refusal(c, PhaseTurn, ErrStarted)
	case m.start == notEntered:
		return false, nil
	}
	if m.runCode(c, func() { err = m.writerErr() }); err != nil {
		return true, m.refusal(c, PhaseEnded, err)
	}
	m.begun()
	m.armTimers()
	return true, nil
}

// begun makes the machine a started one. It needs the turn and the mutex.
func (m *Machine[S]) begun() {
	m.start = started
	m.plain = m.isPlain()
}

// isPlain reports whether the shortcut of a plain machine may be taken.
func (m *Machine[S]) isPlain() bool {
	x := m.extras
	return m.def.plain && x.writer == nil && x.observers == nil && !m.closed && m.start == started
}

// steps makes a change: steps 2 to 9 of [Machine.Transition], in this order (9 is deferred).
func (m *Machine[S]) steps(c *change[S]) (err error) {
	// 2 to 5. Whether the change may be made.
	if m.def.asks || m.extras.writer != nil {
		m.runCode(c, func() { err = m.decide(c) })
	} else {
		err = m.decide(c)
	}
	if err != nil || c.kind == byEvent && !c.taken {
		return err
	}

	// 6 and 7. The value is written and the transition committed.
	var broken error // of a writer that breaks its contract
	if c.moves() {
		// 9. The watchers are told, also if the writer or a hook panics. A watcher that begins
		// after the commit sees the new state anyway.
		defer m.tell(c)
		if m.extras.writer == nil {
			m.publish(c)
		} else if err := m.write(c); err != nil && !c.committed {
			return m.refusal(c, PhaseWrite, err)
		} else {
			broken = err
		}
	}

	// 8. The hooks run, all of them.
	var phase Phase
	if c.kind != byReset && m.def.acts {
		phase, err = m.runHooks(c)
	}
	if broken != nil {
		phase, err = PhaseWrite, errors.Join(broken, err)
	}
	if err != nil {
		return m.failure(c, c.from, phase, err, c.moves())
	}
	return nil
}

// decide makes steps 2 to 5 of a change, and finds the run-time state after it.
func (m *Machine[S]) decide(c *change[S]) error {
	// 2. The writer has to be good.
	if err := m.writerErr(); err != nil {
		return m.refusal(c, PhaseEnded, err)
	}

	// 3 and 4. The edge is found in the table, and the guards are asked.
	switch c.kind {
	case byTarget, byTimeout:
		edge := m.def.edge(c.from, c.to)
		if edge == nil {
			return m.refusal(c, PhaseTable, ErrInvalidTransition)
		}
		m.lead(c, edge)
		if refused := m.askGuards(c); refused != nil {
			return m.refusal(c, PhaseGuard, refused)
		}
	case byEvent:
		if err := m.resolve(c); err != nil || !c.taken {
			return err
		}
	case byReset:
		m.leadToInitial(c, forced, m.past.count+1)
	case byStart:
		number := uint64(0)
		if c.counts() {
			number = m.past.count + 1
		}
		m.leadToInitial(c, entered, number)
		for g := range m.def.graph.Guards(&graph.Edge[hook[S]]{Declared: graph.None}, c.route.Goal, c.route.Leaf) {
			if err := g.Check(c.code, *m.shown(c)); err != nil {
				return m.refusal(c, PhaseGuard, &GuardError{Name: g.Name, Err: err})
			}
		}
	}

	// 5. The before hooks.
	if c.kind != byReset {
		for _, run := range m.def.before {
			c.code.enter(PhaseBefore)
			if err := run(c.code, *m.shown(c)); err != nil {
				return m.refusal(c, PhaseBefore, fmt.Errorf("before hook: %w", err))
			}
		}
	}

	if c.moves() && m.def.stateful {
		m.advance(c)
	}
	return nil
}

// shown returns the transition as user code sees it.
func (m *Machine[S]) shown(c *change[S]) *Transition[S] {
	if c.t.At.IsZero() {
		m.def.describe(&c.t, c.entry, c.number, c.cause)
		if c.kind == byEvent {
			c.t.Event = c.event.text() // also of an event that the definition does not know
		}
	}
	return &c.t
}

// resolve finds the rule that an event takes: steps 3 and 4 for an event. Without an error
// the rule is taken, or nothing more is to be done.
func (m *Machine[S]) resolve(c *change[S]) error {
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
		refused, err := m.try(c, edge)
		switch {
		case err != nil:
			return m.eventError(c, c.from, PhaseGuard, err)
		case refused == nil:
			c.taken = true
			return nil
		}
		vetoed = append(vetoed, refused)
	}
	if c.rule == nil {
		err := m.unhandled(c.event)
		if m.def.unhandled != nil {
			return m.def.unhandled(c.code, err)
		}
		return err
	}
	m.leadNowhere(c)
	return m.eventError(c, c.from, PhaseGuard, vetoed)
}

// try leads a change along a candidate: it asks the candidate's guards, has a Choose find
// the target, and asks the guards of edge and target. edge is nil unless the candidate
// leads.
func (m *Machine[S]) try(c *change[S], edge *graph.Edge[hook[S]]) (*GuardError, error) {
	if edge != nil {
		m.lead(c, edge)
	} else {
		m.leadNowhere(c)
	}
	for _, g := range c.rule.guards {
		c.code.enter(PhaseGuard)
		if err := g.check(c.code, *m.shown(c), c.arg); err != nil {
			return &GuardError{Name: g.name, Err: err}, nil
		}
	}
	if c.rule.kind == chooses {
		c.code.enter(PhaseGuard)
		to, err := c.rule.choose(c.code, *m.shown(c), c.arg)
		if err != nil {
			return nil, fmt.Errorf("choice: %w", err)
		}
		edge := m.def.edge(c.from, to)
		if edge == nil || !slices.Contains(c.rule.to, to) {
			return nil, fmt.Errorf("choice: %q is %w, or not declared", label(to), ErrInvalidTransition)
		}
		m.lead(c, edge)
	}
	return m.askGuards(c), nil
}

// askGuards asks the guards of the edge and of the states that would be entered.
func (m *Machine[S]) askGuards(c *change[S]) *GuardError {
	if c.edge == nil || !m.def.asks {
		return nil
	}
	for g := range m.def.graph.Guards(c.edge, c.route.Goal, c.route.Leaf) {
		c.code.enter(PhaseGuard)
		if err := g.Check(c.code, *m.shown(c)); err != nil {
			return &GuardError{Name: g.Name, Err: err}
		}
	}
	return nil
}

// lead has a change take an edge.
func (m *Machine[S]) lead(c *change[S], edge *graph.Edge[hook[S]]) {
	m.leadAlong(c, edge, m.def.graph.Route(c.from, edge, m.extras.memory), m.past.count+1)
}

// leadToInitial has a reset or a start lead to the initial state, without an edge.
func (m *Machine[S]) leadToInitial(c *change[S], event uint16, number uint64) {
	c.entry.event = event
	m.leadAlong(c, nil, graph.Route{Leaf: m.def.start, Goal: m.def.start, Domain: graph.None}, number)
}

// leadNowhere has a change lead nowhere.
func (m *Machine[S]) leadNowhere(c *change[S]) {
	m.leadAlong(c, nil, graph.Route{Leaf: c.from, Goal: c.from, Domain: c.from}, 0)
}

func (m *Machine[S]) leadAlong(c *change[S], edge *graph.Edge[hook[S]], route graph.Route, number uint64) {
	c.edge, c.route, c.number, c.led = edge, route, number, true
	c.entry.to = route.Leaf
	c.t.At = time.Time{} // shown makes it anew
}

// advance finds the memory and the timeouts after the transition.
func (m *Machine[S]) advance(c *change[S]) {
	g := m.def.graph
	if c.kind >= byReset {
		c.memory = g.Forget()
	} else {
		c.memory = g.Update(m.extras.memory, c.from, c.route.Domain)
	}
	for _, p := range m.extras.timers.pending {
		fires := c.kind == byTimeout && p.timeout == c.timeout
		if !fires && !g.Leaves(c.from, c.route.Domain, m.def.timeouts[p.timeout].id) {
			c.pending = append(c.pending, p)
		}
	}
	m.startTimeouts(c)
}

// endTimeout ends the timeout of a change that was refused. Until then it is pending, and so in
// every snapshot; a change that is committed ends it by the commit. A timeout that Close has
// interrupted was not refused, and stays in the snapshot of the closed machine.
func (m *Machine[S]) endTimeout(c *change[S]) {
	if !c.committed && !m.closed {
		m.extras.timers.end(c.timeout)
	}
}

// startTimeouts adds the timeouts of the states that the change enters.
func (m *Machine[S]) startTimeouts(c *change[S]) {
	for s := range m.def.graph.Down(c.route.Domain, c.route.Leaf) {
		for _, i := range m.def.timeoutsOf[s] {
			t := &m.def.timeouts[i]
			after := t.after
			if t.variable {
				after = max(0, t.afterFunc(c.code, *m.shown(c)))
			}
			c.pending = append(c.pending, pendingTimeout{timeout: i, deadline: c.at + min(int64(after), math.MaxInt64-c.at), number: c.number})
		}
	}
}

// The errors of a writer that breaks its contract.
var (
	errNoCommit = errors.New("the writer returned no error and did not call commit")
	errCommit   = errors.New("the writer called commit and returned an error")
)

// write has the writer store the value and commit the change.
func (m *Machine[S]) write(c *change[S]) (err error) {
	m.runCode(c, func() {
		c.code.enter(PhaseWrite)
		m.shown(c)
		kept := *c     // a copy for the closures, or every change would be on the heap
		defer func() { // also if the writer does not return
			m.turn.mu.Lock()
			defer m.turn.mu.Unlock()
			kept.written = true
			c.committed, c.watched = kept.committed, kept.watched
		}()
		err = m.extras.writer.Write(kept.code,
			func() ([]byte, error) { return m.encode(kept.code, &kept) },
			func() {
				m.turn.mu.Lock()
				defer m.turn.mu.Unlock()
				if !kept.committed && !kept.written {
					m.publish(&kept)
				}
			})
	})
	switch {
	case err != nil && c.committed:
		return fmt.Errorf("write: %w: %w", errCommit, err)
	case err != nil:
		return fmt.Errorf("write: %w", err)
	case !c.committed:
		return fmt.Errorf("write: %w", errNoCommit)
	}
	return nil
}

// publish commits a change and starts its timeouts. The mutex is locked.
func (m *Machine[S]) publish(c *change[S]) {
	if c.counts() {
		m.commit(c.entry, c.cause, c.isSelf())
	} else {
		m.since = c.at
	}
	if c.kind == byStart {
		m.begun()
	}
	if m.def.stateful {
		m.extras.memory, m.extras.timers.pending = c.memory, c.pending
		m.armTimers()
	}
	c.committed, c.watched = true, m.watched() && c.counts()
}

// armTimers sets the timer for the next timeout. The mutex is locked.
func (m *Machine[S]) armTimers() {
	if m.closed || m.start != started {
		m.extras.timers.disarm()
	} else {
		m.extras.timers.arm()
	}
}

// tell notifies the watchers of a change after its hooks, if it was committed.
func (m *Machine[S]) tell(c *change[S]) {
	if c.watched {
		m.extras.watchers.tell(*m.shown(c))
	}
}

// runHooks runs the hooks after the commit, and returns their errors with the phase of the
// first.
func (m *Machine[S]) runHooks(c *change[S]) (first Phase, err error) {
	m.open(c)
	defer m.turn.shut()
	m.shown(c)
	var failed []error
	note := func(phase Phase, err error) {
		if err != nil {
			failed = append(failed, fmt.Errorf("%s hook: %w", phase, err))
			first = cmp.Or(first, phase)
		}
	}
	g := m.def.graph
	if c.edge != nil {
		for s := c.from; s != c.route.Domain; s = g.Nodes[s].Parent {
			for _, run := range g.Nodes[s].Exit {
				c.code.enter(PhaseExit)
				note(PhaseExit, run(c.code, c.t))
			}
		}
		for each := c.edge; each != nil; each = each.Around() {
			for _, run := range each.Hooks {
				c.code.enter(PhaseEdge)
				note(PhaseEdge, run(c.code, c.t))
			}
		}
	}
	if c.rule != nil {
		for _, act := range c.rule.acts {
			c.code.enter(PhaseEdge)
			note(PhaseEdge, act(c.code, c.t, c.arg))
		}
	}
	if c.edge != nil || c.kind == byStart {
		for s := range g.Down(c.route.Domain, c.route.Leaf) {
			for _, run := range g.Nodes[s].Entry {
				c.code.enter(PhaseEntry)
				note(PhaseEntry, run(c.code, c.t))
			}
		}
	}
	for _, run := range m.def.after {
		c.code.enter(PhaseAfter)
		note(PhaseAfter, run(c.code, c.t))
	}
	if failed == nil {
		return 0, nil
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
		return m.eventError(c, from, phase, err)
	}
	to := c.to
	if c.led {
		to = m.def.states[c.entry.to]
	}
	err = m.transitionError(from, to, phase, err, moved)
	if c.kind == byEvent {
		return m.eventError(c, from, phase, err)
	}
	return err
}

func (m *Machine[S]) transitionError(from graph.ID, to S, phase Phase, err error, moved bool) error {
	return &TransitionError[S]{From: m.def.states[from], To: to, Permitted: m.def.permitted(from), Phase: phase, Err: err, Moved: moved}
}

func (m *Machine[S]) eventError(c *change[S], from graph.ID, phase Phase, err error) error {
	return &EventError[S]{Event: c.event.text(), State: m.def.states[from], Permitted: m.def.handledIn(from), Phase: phase, Err: err}
}

// unhandled is the error of an event that has no rule in the present state.
func (m *Machine[S]) unhandled(e *event) *EventError[S] {
	err := &EventError[S]{Event: e.text(), State: m.State(), Permitted: m.def.handledIn(m.id()), Phase: PhaseTable, Err: ErrUnhandled}
	switch {
	case e == nil:
		err.Err = fmt.Errorf("%w: it was not made by NewEvent", ErrUnknownEvent)
	case m.def.number(e) == 0:
		err.Err = ErrUnknownEvent
	}
	return err
}

// permittedEvents returns the events with a candidate that passes all its guards. A guard
// that needs an argument counts as passed. It has the turn, with the mutex open.
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
			c := change[S]{kind: byEvent, event: e, arg: e.signal, rule: &rule, code: ctx}
			c.entry = entry{at: now(), from: from, to: from, event: number}
			refused, _ := m.try(&c, edge)
			return refused == nil
		}
		if i := slices.IndexFunc(rules, passes); i >= 0 && rules[i].kind != ignored {
			names = append(names, e.name)
		}
	}
	return names
}
