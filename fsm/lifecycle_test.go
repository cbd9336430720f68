package fsm_test

import (
	"context"
	"errors"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// The lifecycle of a service. Most tests use it.
type state string

const (
	idle     state = "idle"
	starting state = "starting"
	warming  state = "warming"
	active   state = "active"
	stopping state = "stopping"
	stopped  state = "stopped"
)

var table = fsm.Table[state]{
	idle:     {starting},
	starting: {warming, stopping, idle},
	warming:  {active, stopping, idle},
	active:   {stopping},
	stopping: {stopped},
	stopped:  {idle},
}

var lifecycle = fsm.MustDefine(idle, table)

var errBoom = errors.New("boom")

type (
	stateRule  = fsm.Rule[state]
	transition = fsm.Transition[state]
	hook       = func(context.Context, transition) error
)

// with returns the lifecycle with rules.
func with(t testing.TB, rules ...stateRule) *fsm.Definition[state] {
	t.Helper()
	def, err := lifecycle.With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// walk makes transitions that must succeed.
func walk[S comparable](t testing.TB, m *fsm.Machine[S], path ...S) {
	t.Helper()
	for _, to := range path {
		if err := m.Transition(context.Background(), to); err != nil {
			t.Fatal(err)
		}
	}
}

// wantState checks the state of a machine and the number of its transitions.
func wantState(t testing.TB, m *fsm.Machine[state], want state, number uint64) {
	t.Helper()
	if s := m.Snapshot(); s.State != want || m.State() != want || s.Number != number {
		t.Errorf("snapshot has state %v, machine has %v, after %d transitions; want %v after %d", s.State, m.State(), s.Number, want, number)
	}
}

// wantRefusal checks the error of a change that did not move the machine.
func wantRefusal(t testing.TB, err error, phase fsm.Phase, cause error) *fsm.TransitionError[state] {
	t.Helper()
	refused, ok := errors.AsType[*fsm.TransitionError[state]](err)
	if !ok {
		t.Fatalf("got %v (%T), want a TransitionError", err, err)
	}
	if refused.Phase != phase || refused.Moved || !errors.Is(err, cause) {
		t.Errorf("got %q (phase %v, moved %v), want phase %v, not moved, wrapping %q", err, refused.Phase, refused.Moved, phase, cause)
	}
	return refused
}

// failsWith returns a guard or hook that returns err.
func failsWith(err error) hook { return func(context.Context, transition) error { return err } }
