package fsm_test

import (
	"context"
	"errors"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// The lifecycle of the package's users, on which most tests run.
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
	ruled = fsm.Rule[state]
	moved = fsm.Transition[state]
	code  = func(context.Context, moved) error
)

// with is the lifecycle with rules.
func with(t testing.TB, rules ...ruled) *fsm.Definition[state] {
	t.Helper()
	def, err := lifecycle.With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// walk takes a machine along a path that it must be able to go.
func walk[S comparable](t testing.TB, m *fsm.Machine[S], path ...S) {
	t.Helper()
	for _, to := range path {
		if err := m.Transition(context.Background(), to); err != nil {
			t.Fatal(err)
		}
	}
}

// wantState checks where a machine is and how far it has come.
func wantState(t testing.TB, m *fsm.Machine[state], want state, number uint64) {
	t.Helper()
	if s := m.Snapshot(); s.State != want || m.State() != want || s.Number != number {
		t.Errorf("machine is in %v (%v) after %d transitions, want %v after %d", s.State, m.State(), s.Number, want, number)
	}
}

// wantRefusal checks a failure that must not have moved the machine.
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

// returns is user code that does nothing but answer.
func returns(err error) code { return func(context.Context, moved) error { return err } }
