package fsm_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// changes are the calls that guards and hooks must not make on their own machine.
var changes = map[string]func(context.Context, *fsm.Machine[state]) error{
	"transition": func(ctx context.Context, m *fsm.Machine[state]) error { return m.Transition(ctx, starting) },
	"reset":      func(ctx context.Context, m *fsm.Machine[state]) error { return m.Reset(ctx, "inside") },
	"detach":     func(ctx context.Context, m *fsm.Machine[state]) error { return m.Detach(ctx) },
	"close":      func(ctx context.Context, m *fsm.Machine[state]) error { return m.Close(ctx) },
}

func TestChangeOfOwnMachineInHookIsReentrant(t *testing.T) {
	places := map[string]func(hook) stateRule{
		"guard":  func(c hook) stateRule { return fsm.Guard(starting, "g", c) },
		"before": fsm.Before[state],
		"exit":   func(c hook) stateRule { return fsm.OnExit(idle, c) },
		"enter":  func(c hook) stateRule { return fsm.OnEntry(starting, c) },
		"after":  fsm.After[state],
	}
	for place, rule := range places {
		for name, change := range changes {
			t.Run(name+" in "+place, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // a change that waits for itself deadlocks, and synctest fails
					var m *fsm.Machine[state]
					var inside error
					m = fsm.New(with(t, rule(func(ctx context.Context, _ transition) error {
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
					walk(t, m, idle) // the machine is not closed
				})
			})
		}
	}
}

func TestHookReadsItsOwnMachine(t *testing.T) {
	var m *fsm.Machine[state]
	read := func(want state, number uint64) hook {
		return func(context.Context, transition) error {
			wantState(t, m, want, number)
			if len(m.History()) != int(number) || len(m.Next()) == 0 || !m.Can(m.Next()[0]) {
				t.Errorf("history, targets and edges read in %v are inconsistent", want)
			}
			return nil
		}
	}
	m = fsm.New(with(t, fsm.Guard(starting, "g", read(idle, 0)), fsm.Before(read(idle, 0)), fsm.After(read(starting, 1))))
	walk(t, m, starting)
}

func TestHookChangesAnotherMachine(t *testing.T) {
	var outer, inner *fsm.Machine[state]
	var back error
	inner = fsm.New(with(t, fsm.After(func(ctx context.Context, _ transition) error {
		back = outer.Transition(ctx, warming) // the context of inner derives from that of outer, which waits for inner
		return nil
	})))
	outer = fsm.New(with(t, fsm.After(func(ctx context.Context, tr transition) error {
		return inner.Transition(ctx, tr.To)
	})))
	walk(t, outer, starting)
	wantState(t, outer, starting, 1)
	wantState(t, inner, starting, 1)
	wantRefusal(t, back, fsm.PhaseTurn, fsm.ErrReentrant)
}

func TestHookContextIsOutsideTheTurnAfterTheHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept context.Context
		open := make(gate)
		m := fsm.New(with(t,
			fsm.OnEntry(starting, func(ctx context.Context, _ transition) error { kept = ctx; return nil }),
			fsm.Before(open.pass)))
		first := start(func() error { return m.Transition(context.Background(), starting) })
		open <- nil
		if err := <-first; err != nil {
			t.Fatal(err)
		}
		second := start(func() error { return m.Transition(context.Background(), warming) })
		third := start(func() error { return m.Transition(kept, stopping) }) // waits for its turn like any call
		open <- nil
		open <- nil
		if err := errors.Join(<-second, <-third); err != nil {
			t.Error(err)
		}
	})
}
