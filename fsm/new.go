package fsm

import (
	"context"
	"fmt"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// New returns a machine in the definition's initial state. It writes nothing and runs no hook:
// the value that its writer has is that of its caller. With [WithManualStart] the initial state
// is entered, and written, by [Machine.Start]. It panics if def was not made by [Define], and with
// the error of [Definition.Accepts] if that refuses the options.
func New[S comparable](def *Definition[S], opts ...Option) *Machine[S] {
	mustBeDefined("New", def)
	m := &Machine[S]{def: def, plain: def.plain, since: now()}
	if def.start > 0 {
		m.state.Store(uint32(def.start))
	}
	if len(opts) == 0 && def.plain && def.requires == nil {
		return m
	}
	c := configured(opts)
	if err := def.check(c); err != nil {
		panic(fmt.Errorf("fsm: New: %w", err))
	}
	m.configure(c)
	if c.manual {
		m.awaitStart(notEntered)
		return m
	}
	if def.stateful {
		// The timeouts of the initial state start as if it had been entered.
		first := change[S]{entry: entry{at: m.since, from: def.start}, code: &hookContext{Context: context.Background(), code: &m.extras.code}}
		m.leadAlong(&first, nil, graph.Route{Leaf: def.start, Goal: def.start, Domain: graph.None}, 0)
		m.startTimeouts(&first)
		m.extras.memory, m.extras.timers.pending = def.graph.Forget(), first.pending
		m.resume()
	}
	return m
}

func mustBeDefined[S comparable](call string, def *Definition[S]) {
	if def == nil || def.graph == nil {
		panic("fsm: " + call + " needs a definition made by Define")
	}
}

// configure applies options to a new machine.
func (m *Machine[S]) configure(c config) {
	m.past = newHistory(uint32(c.history))
	m.plain = m.def.plain && c.writer == nil && c.observers == nil
	if c.writer == nil && c.data == nil && c.queue == 0 && c.observers == nil && !m.def.stateful {
		return
	}
	m.extras = m.newExtras()
	m.extras.writer, m.extras.code.data = c.writer, c.data
	m.extras.timers.fire = m.fireTimer
	for _, o := range c.observers {
		m.extras.observers = append(m.extras.observers, o.(func(context.Context, Result[S])))
	}
	if c.queue > 0 {
		m.extras.queue = &queue[S]{limit: c.queue, failed: c.queueFailed}
	}
}

// awaitStart has a new machine wait for Start.
func (m *Machine[S]) awaitStart(s startState) {
	m.start, m.plain = s, false
	if s == notEntered && m.def.stateful {
		m.extras.memory = m.def.graph.Forget()
	}
}

// resume starts the timeouts of a new machine.
func (m *Machine[S]) resume() {
	if m.def.stateful {
		m.turn.mu.Lock()
		defer m.turn.mu.Unlock()
		m.armTimers()
	}
}
