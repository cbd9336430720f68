package fsm_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// A hook that calls its own machine with another context than it was given waits for itself.
// The wait ends after a minute, whichever call it is, and the error says what is stuck. The
// machine is usable afterwards.
func TestHookThatWaitsForItselfGetsAnErrorAfterAMinute(t *testing.T) {
	cancellable := func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }
	endless := func() (context.Context, context.CancelFunc) { return context.Background(), func() {} }
	contexts := map[string]func() (context.Context, context.CancelFunc){"background": endless, "cancellable": cancellable}
	calls := map[string]func(context.Context, *fsm.Machine[state]) error{
		"transition": func(ctx context.Context, m *fsm.Machine[state]) error { return m.Transition(ctx, warming) },
		"fire":       func(ctx context.Context, m *fsm.Machine[state]) error { return m.Fire(ctx, stop) },
		"reset":      func(ctx context.Context, m *fsm.Machine[state]) error { return m.Reset(ctx, "") },
		"permitted":  func(ctx context.Context, m *fsm.Machine[state]) error { _, err := m.PermittedEvents(ctx); return err },
		"detach":     func(ctx context.Context, m *fsm.Machine[state]) error { return m.Detach(ctx) },
		"close":      func(ctx context.Context, m *fsm.Machine[state]) error { return m.Close(ctx) },
	}
	for kind, newContext := range contexts {
		for name, call := range calls {
			t.Run(name+" "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := newContext()
					defer cancel()
					var m *fsm.Machine[state]
					began := time.Now()
					m = fsm.New(with(t, fsm.On(stop, fsm.From(starting), stopping), fsm.OnEntry(starting, func(context.Context, transition) error {
						return call(ctx, m)
					})), fsm.WithQueue(1, func(_ context.Context, err error) { t.Error(err) }))
					err := m.Transition(t.Context(), starting)
					if took := time.Since(began); !errors.Is(err, fsm.ErrTurnTimeout) || took != time.Minute {
						t.Fatalf("got %v after %v", err, took)
					}
					const want = "waiting for its turn: another change is under way for too long: idle -> starting (entry) since 2000-01-01T00:00:00Z: its code is stuck, or it calls its own machine with another context than it was given"
					if !strings.HasSuffix(err.Error(), want) {
						t.Errorf("got  %v\nwant %s", err, want)
					}
					if name == "close" {
						wantRefusal(t, m.Transition(t.Context(), warming), fsm.PhaseTurn, fsm.ErrClosed)
						return
					}
					walk(t, m, warming)
				})
			})
		}
	}
}

// A call with a deadline waits until then, and a timeout waits for as long as it takes.
func TestCallWithADeadlineAndTimeoutWaitForLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failed := timed(t, with(t,
			fsm.Timeout(starting, 10*time.Second, idle),
			fsm.GuardEdge(starting, warming, "slow", func(context.Context, transition) error { time.Sleep(time.Hour); return errBoom })))
		walk(t, m, starting)
		slow := start(func() error { return m.Transition(context.Background(), warming) })
		limited, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
		defer cancel()
		patient := start(func() error { return m.Transition(limited, stopping) })
		impatient := start(func() error { return m.Transition(context.Background(), stopping) })
		began := time.Now()
		if wantRefusal(t, <-impatient, fsm.PhaseTurn, fsm.ErrTurnTimeout); time.Since(began) != time.Minute {
			t.Errorf("the call without a deadline waited for %v", time.Since(began))
		}
		wantRefusal(t, <-slow, fsm.PhaseGuard, errBoom)
		wantRefusal(t, <-patient, fsm.PhaseTable, fsm.ErrInvalidTransition) // the timeout went before it
		if wantState(t, m, idle, 2); len(*failed) > 0 {
			t.Errorf("timeout errors %v", *failed)
		}
	})
}

// Each of several changes takes less than a minute, and all of them longer.
func TestTurnTimeoutCountsOneChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(with(t, fsm.Before(func(context.Context, transition) error { time.Sleep(59 * time.Second); return nil })))
		var results []<-chan error
		for _, to := range []state{starting, warming, active, stopping, stopped} {
			results = append(results, start(func() error { return m.Transition(context.Background(), to) }))
		}
		for _, result := range results {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		wantState(t, m, stopped, 5)
	})
}

func TestInProgressNamesTheChangeAndItsPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var seen trace
		var began atomic.Int64
		began.Store(time.Now().UnixNano())
		see := func(context.Context, transition) error {
			what, since := m.InProgress()
			if seen.add(what); since.UnixNano() != began.Load() {
				t.Errorf("%s since %v, want %v", what, since, time.Unix(0, began.Load()))
			}
			return nil
		}
		ask := func(ctx context.Context, tr transition, _ struct{}) error { return see(ctx, tr) }
		m = fsm.New(with(t, fsm.On(stop, fsm.From(starting), stopping, fsm.If("g", ask), fsm.Do(ask)),
			fsm.Guard(starting, "g", see), fsm.Before(see), fsm.OnExit(idle, see), fsm.OnEdge(idle, starting, see), fsm.OnEntry(starting, see), fsm.After(see),
			fsm.Finally(func(ctx context.Context, tr transition, _ error) { _ = see(ctx, tr) }),
			fsm.Timeout(stopping, time.Minute, stopped)),
			fsm.WithWriter(&returning{newLease(), func() { _ = see(t.Context(), transition{}) }}))
		defer m.Close(context.Background())
		wantSeen := func(call func(), want ...string) {
			t.Helper()
			seen.clear()
			call()
			if strings.Join(seen.lines, "\n") != strings.Join(want, "\n") {
				t.Errorf("got %q, want %q", seen.lines, want)
			}
			if what, since := m.InProgress(); what != "" || !since.IsZero() {
				t.Errorf("%s since %v after its end", what, since)
			}
		}
		wantSeen(func() { walk(t, m, starting) }, "idle -> starting (guard)", "idle -> starting (before)", "idle -> starting (write)", "idle -> starting (exit)",
			"idle -> starting (edge)", "idle -> starting (entry)", "idle -> starting (after)", "idle -> starting (finally)")
		wantSeen(func() { _, _ = m.PermittedEvents(t.Context()) }, "a question in starting (guard)")
		wantSeen(func() { _ = m.Fire(t.Context(), stop) }, `event "stop" in starting (guard)`, `event "stop" in starting (before)`, `event "stop" in starting (write)`,
			`event "stop" in starting (edge)`, `event "stop" in starting (after)`, `event "stop" in starting (finally)`)
		wantSeen(func() { _ = m.Reset(t.Context(), "") }, "reset of stopping (write)")
		walk(t, m, starting)
		_ = m.Fire(t.Context(), stop)
		wantSeen(func() { began.Add(int64(time.Minute)); later(time.Minute) }, "stopping -> stopped, timeout after 1m in stopping (before)", "stopping -> stopped, timeout after 1m in stopping (write)",
			"stopping -> stopped, timeout after 1m in stopping (after)", "stopping -> stopped, timeout after 1m in stopping (finally)")

		m = fsm.New(with(t, fsm.OnEntry(idle, see)), fsm.WithManualStart())
		wantSeen(func() { _ = m.Start(t.Context()) }, "start in idle (entry)")
	})
}

// The phase of an earlier change is not that of the code which runs now.
func TestInProgressNamesNoPhaseOfAnEarlierChange(t *testing.T) {
	var m *fsm.Machine[state]
	var seen string
	m = fsm.New(with(t, fsm.On(stop, fsm.From(active), stopping), fsm.After(failsWith(nil)),
		fsm.OnUnhandled(func(context.Context, *fsm.EventError[state]) error {
			seen, _ = m.InProgress()
			return nil
		})))
	walk(t, m, starting)
	if err := m.Fire(t.Context(), stop); err != nil {
		t.Fatal(err)
	}
	if want := `event "stop" in starting`; seen != want {
		t.Errorf("got %q, want %q", seen, want)
	}
}

// nosy is a state whose text depends on its machine.
type nosy struct {
	n int
	m *fsm.Machine[*nosy]
}

func (s *nosy) String() string {
	if s.m != nil {
		s.m.History()
	}
	return strings.Repeat("s", s.n)
}

// Texts of states are made with the mutex open: String methods may read the machine.
func TestInProgressPrintsStatesThatReadTheirMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := &nosy{n: 1}, &nosy{n: 2}
		m := fsm.New(fsm.MustDefine(first, fsm.Table[*nosy]{first: {second}, second: {}}, fsm.OnEntry(second, func(context.Context, fsm.Transition[*nosy]) error {
			time.Sleep(time.Second)
			return nil
		})))
		second.m = m
		result := start(func() error { return m.Transition(context.Background(), second) })
		if what, _ := m.InProgress(); what != "s -> ss (entry)" {
			t.Errorf("got %q", what)
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}
