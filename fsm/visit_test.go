package fsm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// changes are the calls that user code may not make on its own machine.
var changes = map[string]func(context.Context, *fsm.Machine[state]) error{
	"transition": func(ctx context.Context, m *fsm.Machine[state]) error { return m.Transition(ctx, starting) },
	"reset":      func(ctx context.Context, m *fsm.Machine[state]) error { return m.Reset(ctx, "inside") },
	"detach":     func(ctx context.Context, m *fsm.Machine[state]) error { return m.Detach(ctx) },
	"close":      func(ctx context.Context, m *fsm.Machine[state]) error { return m.Close(ctx) },
}

func TestUserCodeMayNotChangeItsOwnMachine(t *testing.T) {
	places := map[string]func(code) ruled{
		"guard":  func(c code) ruled { return fsm.Guard(starting, "g", c) },
		"before": fsm.Before[state],
		"exit":   func(c code) ruled { return fsm.OnExit(idle, c) },
		"enter":  func(c code) ruled { return fsm.OnEntry(starting, c) },
		"after":  fsm.After[state],
	}
	for place, rule := range places {
		for name, change := range changes {
			t.Run(name+" in "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // a change that waits for itself is a deadlock, and fails
					var m *fsm.Machine[state]
					var inside error
					m = fsm.New(with(t, rule(func(ctx context.Context, _ moved) error {
						derived, cancel := context.WithTimeout(ctx, time.Hour)
						defer cancel()
						inside = change(derived, m)
						return nil
					})))
					walk(t, m, starting)
					if !errors.Is(inside, fsm.ErrReentrant) {
						t.Errorf("got %v, want %v", inside, fsm.ErrReentrant)
					}
					wantState(t, m, starting, 1)
					walk(t, m, idle) // in particular, it is not closed
				})
			})
		}
	}
}

func TestUserCodeMayReadItsOwnMachine(t *testing.T) {
	var m *fsm.Machine[state]
	read := func(want state, number uint64) code {
		return func(context.Context, moved) error {
			wantState(t, m, want, number)
			if len(m.History()) != int(number) || len(m.Next()) == 0 || !m.Can(m.Next()[0]) {
				t.Errorf("reading in %v is not of one piece", want)
			}
			return nil
		}
	}
	m = fsm.New(with(t, fsm.Guard(starting, "g", read(idle, 0)), fsm.Before(read(idle, 0)), fsm.After(read(starting, 1))))
	walk(t, m, starting)
}

func TestUserCodeMayChangeAnotherMachine(t *testing.T) {
	var outer, inner *fsm.Machine[state]
	var back error
	inner = fsm.New(with(t, fsm.After(func(ctx context.Context, _ moved) error {
		back = outer.Transition(ctx, warming) // outer waits for inner: through two contexts it is still the same call
		return nil
	})))
	outer = fsm.New(with(t, fsm.After(func(ctx context.Context, tr moved) error {
		return inner.Transition(ctx, tr.To)
	})))
	walk(t, outer, starting)
	wantState(t, outer, starting, 1)
	wantState(t, inner, starting, 1)
	wantRefusal(t, back, fsm.PhaseTurn, fsm.ErrReentrant)
}

func TestContextThatOutlivesItsHookIsNoLongerInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept context.Context
		open := make(gate)
		m := fsm.New(with(t,
			fsm.OnEntry(starting, func(ctx context.Context, _ moved) error { kept = ctx; return nil }),
			fsm.Before(open.pass)))
		first := start(func() error { return m.Transition(context.Background(), starting) })
		open <- nil
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		second := start(func() error { return m.Transition(context.Background(), warming) })
		third := start(func() error { return m.Transition(kept, stopping) }) // waits like any other
		open <- nil
		open <- nil
		if err := errors.Join(<-second, <-third); err != nil {
			t.Error(err)
		}
	})
}
