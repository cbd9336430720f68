package bench

import (
	"context"
	"testing"

	"github.com/qmuntal/stateless"
)

const (
	immediate = stateless.FiringImmediate
	queued    = stateless.FiringQueued
)

// Names are put into interfaces once: doing that in the loop would allocate, and
// a program would have constants.
var (
	statelessStates   = map[State]stateless.State{}
	statelessTriggers = map[string]stateless.Trigger{}
	statelessRound    [len(steps)]stateless.Trigger
)

func init() {
	for i, s := range steps {
		statelessStates[s.to] = string(s.to)
		statelessTriggers[s.event] = s.event
		statelessRound[i] = statelessTriggers[s.event]
	}
}

func statelessLibrary(name string, mode stateless.FiringMode) library {
	return library{
		name:      name,
		create:    func(hook func()) machine { return newStateless(mode, hook) },
		nested:    func() machine { return newNestedStateless(mode) },
		creations: func(b *testing.B) { statelessCreations(b, mode) },
	}
}

type statelessMachine struct{ *stateless.StateMachine }

func newStateless(mode stateless.FiringMode, hook func()) machine {
	m := configureStateless(mode)
	if hook != nil {
		m.OnTransitioned(func(context.Context, stateless.Transition) { hook() })
	}
	return statelessMachine{m}
}

func newNestedStateless(mode stateless.FiringMode) machine {
	m := configureStateless(mode)
	m.Configure(Live).SubstateOf(Running)
	m.Configure(statelessStates[Starting]).SubstateOf(Running)
	m.Configure(statelessStates[Warming]).SubstateOf(Live)
	m.Configure(statelessStates[Active]).SubstateOf(Live)
	return statelessMachine{m}
}

// statelessConfig is the table in the library's terms, so that configuring a
// machine does no more than the library needs.
var statelessConfig = func() (config []struct {
	from    State
	permits [][2]string
}) {
	for from, targets := range table {
		c := struct {
			from    State
			permits [][2]string
		}{from: from}
		for _, to := range targets {
			c.permits = append(c.permits, [2]string{eventTo(to), string(to)})
		}
		config = append(config, c)
	}
	return config
}()

func configureStateless(mode stateless.FiringMode) *stateless.StateMachine {
	m := stateless.NewStateMachineWithMode(statelessStates[Idle], mode)
	for _, c := range statelessConfig {
		state := m.Configure(statelessStates[c.from])
		for _, p := range c.permits {
			state.Permit(statelessTriggers[p[0]], statelessStates[State(p[1])])
		}
	}
	return m
}

func (m statelessMachine) move(to State) error {
	return m.FireCtx(context.Background(), statelessTriggers[eventTo(to)])
}

func (m statelessMachine) can(to State) bool {
	ok, err := m.CanFire(statelessTriggers[eventTo(to)])
	return ok && err == nil
}

func (m statelessMachine) present() State { return State(m.MustState().(string)) }
func (m statelessMachine) past() []State  { return nil }

func (m statelessMachine) transitions(b *testing.B) {
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		if i == len(statelessRound) {
			i = 0
		}
		if err := m.FireCtx(ctx, statelessRound[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func (m statelessMachine) rejections(b *testing.B) {
	ctx, activate := context.Background(), statelessTriggers["activate"]
	for b.Loop() {
		if m.FireCtx(ctx, activate) == nil {
			b.Fatal("accepted")
		}
	}
}

func (m statelessMachine) questions(b *testing.B) {
	ctx, start := context.Background(), statelessTriggers["start"]
	for b.Loop() {
		if ok, err := m.CanFireCtx(ctx, start); err != nil || !ok {
			b.Fatal("cannot start")
		}
	}
}

func (m statelessMachine) reads(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		if s, err := m.State(ctx); err != nil || s.(string) == "" {
			b.Fatal("no state")
		}
	}
}

var statelessKept *stateless.StateMachine

func statelessCreations(b *testing.B, mode stateless.FiringMode) {
	for b.Loop() {
		statelessKept = configureStateless(mode)
	}
}
