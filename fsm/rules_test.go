package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// The order of a transition does not depend on the order of the rules.
func TestOrderOfAnEventWithEveryRule(t *testing.T) {
	var log trace
	held := newLease()
	held.wrote = func() { log.add("written") }
	rules := append([]stateRule{
		fsm.Finally(func(_ context.Context, tr transition, err error) {
			log.add(fmt.Sprint("finally ", tr.Number, " ", err))
		}),
		fsm.On(boot, fsm.From(idle), starting,
			fsm.Do(func(context.Context, transition, disk) error { log.add("do"); return nil }),
			fsm.If("own", func(context.Context, transition, disk) error { log.add("if"); return nil })),
	}, log.forEdge(idle, starting)...)
	rules = append(rules, fsm.GuardEdge(idle, starting, "e", log.records("edge guard")))
	rules = append(rules, log.forEdge(starting, warming)...) // of these rules, only before and after apply to this edge
	m := fsm.New(with(t, rules...), fsm.WithWriter(held))
	if err := fsm.Fire(context.Background(), m, boot, disk{}); err != nil {
		t.Fatal(err)
	}
	want := []string{"if", "edge guard", "guard", "before", "before", "written", "exit", "edge", "do", "enter", "after", "after", "finally 1 <nil>"}
	if diff := cmp.Diff(want, log.lines); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestFinallyGetsEveryOutcome(t *testing.T) {
	ctx := context.Background()
	var guard, after error
	var got, observed []string
	line := func(tr transition, err error) string {
		return fmt.Sprintf("%d %v -> %v %q %s: %v", tr.Number, tr.From, tr.To, tr.Event, fsm.Outcome(err), err)
	}
	var m *fsm.Machine[state]
	m = fsm.New(with(t,
		fsm.Guard(starting, "g", func(context.Context, transition) error { return guard }),
		fsm.After(func(context.Context, transition) error { return after }),
		fsm.On(stop, fsm.From(starting), stopping), fsm.On(boot, fsm.From(idle), starting), fsm.Internal(tick, fsm.From(stopping)),
		fsm.Finally(func(ctx context.Context, tr transition, err error) {
			got = append(got, line(tr, err))
			if err := m.Transition(ctx, idle); !errors.Is(err, fsm.ErrReentrant) {
				t.Errorf("a change from a finally hook: %v", err)
			}
		})), fsm.WithObserver(func(_ context.Context, r fsm.Result[state]) {
		if observed = append(observed, line(r.Transition, r.Err)); !r.Transition.Forced && len(observed) != len(got) {
			t.Errorf("the observer was called before the finally hook of %s", observed[len(observed)-1])
		}
	}))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_ = m.Transition(ended, starting) // fails before its turn
	_ = m.Transition(ctx, active)
	_ = m.Fire(ctx, stop)
	guard = errBoom
	_ = m.Transition(ctx, starting)
	_ = fsm.Fire(ctx, m, boot, disk{})
	guard, after = nil, errBoom
	_ = m.Transition(ctx, starting)
	after = nil
	_ = m.Fire(ctx, stop)
	_ = m.Fire(ctx, tick)
	_ = m.Reset(ctx, "runs no user code")
	want := []string{
		`0 idle -> idle "" table: idle -> active is not in the table; from idle: starting`,
		`0 idle -> idle "stop" table: event "stop" in idle: not handled; possible: boot`,
		`1 idle -> starting "" guard: idle -> starting: guard "g": boom`,
		`0 idle -> idle "boot" guard: event "boot" in idle: vetoed: guard "g": boom`,
		`1 idle -> starting "" hook: idle -> starting moved, but after hook: boom`,
		`2 starting -> stopping "stop" ok: <nil>`,
		`0 stopping -> stopping "tick" ok: <nil>`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(append(want, `3 stopping -> idle "" ok: <nil>`), observed); diff != "" {
		t.Errorf("what the observer got (-want +got):\n%s", diff)
	}
}

// A machine without any other code takes the shortcut of plain machines, also for events, also
// after a start and after its writer has ended.
func TestAnObserverOfAMachineWithoutOtherCode(t *testing.T) {
	ctx := t.Context()
	w := &endedWriter{rowWriter: &rowWriter{row: new(row)}}
	for _, opts := range [][]fsm.Option{nil, {fsm.WithManualStart()}, {fsm.WithWriter(w)}} {
		var got []string
		observe := func(name string) fsm.Option {
			return fsm.WithObserver(func(_ context.Context, r fsm.Result[state]) {
				got = append(got, fmt.Sprintf("%s %v -> %v %q: %v", name, r.Transition.From, r.Transition.To, r.Transition.Event, r.Err != nil))
			})
		}
		m := fsm.New(with(t, fsm.On(boot, fsm.From(idle), starting)), append(opts, observe("a"), observe("b"))...)
		_ = m.Start(ctx)
		w.err, got = nil, nil // got was of Start
		_ = m.Transition(ctx, active)
		_ = fsm.Fire(ctx, m, boot, disk{})
		w.err = errBoom
		_ = m.Detach(ctx)
		_ = m.Transition(ctx, stopping)
		want := []string{
			`a idle -> idle "": true`, `b idle -> idle "": true`,
			`a idle -> starting "boot": false`, `b idle -> starting "boot": false`,
			`a starting -> stopping "": false`, `b starting -> stopping "": false`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %d options (-want +got):\n%s", len(opts), diff)
		}
	}
}

// endedWriter is a writer that can end.
type endedWriter struct {
	*rowWriter
	err error
}

func (w *endedWriter) Err() error { return w.err }

func TestAnObserverHasToFitTheMachine(t *testing.T) {
	def := with(t)
	err := def.Accepts(fsm.WithObserver(func(context.Context, fsm.Result[int]) {}))
	if refused := new(fsm.OptionError); !errors.As(err, &refused) || len(refused.Problems) != 1 {
		t.Fatal(err)
	}
	t.Log(err)
	defer func() {
		if recover() == nil {
			t.Error("a nil observer was accepted")
		}
	}()
	fsm.WithObserver[state](nil)
}

func TestFinallyGetsErrAbortedIfAHookDoesNotReturn(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic(errBoom) }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var got []string
			m := fsm.New(with(t,
				fsm.Before(func(_ context.Context, tr transition) error {
					if tr.To == starting {
						leave()
					}
					return nil
				}),
				fsm.Finally(func(_ context.Context, tr transition, err error) {
					got = append(got, fmt.Sprintf("%v %v", tr.To, errors.Is(err, fsm.ErrAborted)))
				})))
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = m.Transition(context.Background(), starting)
			}()
			<-done
			if diff := cmp.Diff([]string{"starting true"}, got); diff != "" {
				t.Errorf("outcomes (-want +got):\n%s", diff)
			}
			wantState(t, m, idle, 0)
			if err := m.Transition(context.Background(), active); !errors.Is(err, fsm.ErrInvalidTransition) {
				t.Errorf("the next change failed with %v", err)
			}
		})
	}
}

func TestEdgeRulesApplyToTheirEdgeOnly(t *testing.T) {
	var log trace
	m := fsm.New(with(t,
		fsm.GuardEdge(starting, idle, "g", failsWith(errBoom)),
		fsm.OnEdge(idle, starting, log.records("up")), fsm.OnEdge(idle, starting, failsWith(errBoom)), fsm.OnEdge(starting, stopping, log.records("down"))))
	err := m.Transition(context.Background(), starting)
	failed, ok := errors.AsType[*fsm.TransitionError[state]](err)
	if !ok || failed.Phase != fsm.PhaseEdge || !failed.Moved || err.Error() != "idle -> starting moved, but edge hook: boom" {
		t.Errorf("got %v", err)
	}
	wantRefusal(t, m.Transition(context.Background(), idle), fsm.PhaseGuard, errBoom)
	walk(t, m, warming, idle)
	if diff := cmp.Diff([]string{"up"}, log.lines); diff != "" {
		t.Errorf("edge hooks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"g"}, m.Definition().Guards(starting, idle)); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
}

// Other libraries deadlock, stay blocked or run a stale queue if a hook fires an event of
// its own machine or reads it.
func TestEveryHookReadsAndFiresWithoutDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		calls := 0
		readAndFire := func(ctx context.Context, _ transition) error {
			calls++
			_, _, _, _, _ = m.State(), m.Can(idle), m.Next(), m.History(), m.Snapshot()
			if _, err := m.PermittedEvents(ctx); err != nil {
				t.Error(err)
			}
			if err := m.Fire(ctx, stop); !errors.Is(err, fsm.ErrReentrant) {
				t.Errorf("fire: %v", err)
			}
			if _, err := m.Wait(ctx, stopped); !errors.Is(err, fsm.ErrReentrant) {
				t.Errorf("wait: %v", err)
			}
			if s, err := m.Wait(ctx, m.State()); err != nil || s != m.State() {
				t.Errorf("wait for the present state: %v", err)
			}
			return nil
		}
		readAndFireInDo := func(ctx context.Context, tr transition, _ fsm.NoArg) error { return readAndFire(ctx, tr) }
		var guarded bool
		m = fsm.New(with(t,
			fsm.Guard(starting, "g", func(ctx context.Context, tr transition) error {
				if guarded { // PermittedEvents calls it
					return nil
				}
				guarded = true
				return readAndFire(ctx, tr)
			}),
			fsm.Before(readAndFire), fsm.OnExit(idle, readAndFire), fsm.OnEdge(idle, starting, readAndFire), fsm.OnEntry(starting, readAndFire), fsm.After(readAndFire),
			fsm.On(stop, fsm.From(idle), starting, fsm.Do(readAndFireInDo)),
			fsm.Finally(func(ctx context.Context, tr transition, _ error) { _ = readAndFire(ctx, tr) })))
		fire(t, m, stop)
		if calls != 8 {
			t.Errorf("%d guards and hooks ran, want 8", calls)
		}
		wantState(t, m, starting, 1)
	})
}

// The rest of the outcomes is that of TestFinallyGetsEveryOutcome.
func TestOutcomeOfEveryPhase(t *testing.T) {
	ctx := t.Context()
	w := &endedWriter{rowWriter: &rowWriter{row: new(row)}}
	var before error
	do, hooked := fsm.NewSignal("do"), fsm.NewSignal("hooked")
	def := with(t,
		fsm.Before(func(context.Context, transition) error { return before }),
		fsm.Internal(do, fsm.From(idle), fsm.Do(func(context.Context, transition, struct{}) error { return errBoom })),
		fsm.On(hooked, fsm.From(idle), starting),
		fsm.OnUnhandled(func(context.Context, *fsm.EventError[state]) error { return errBoom }))
	m := fsm.New(def, fsm.WithWriter(w))
	check := func(want string, err error) {
		t.Helper()
		if got := fsm.Outcome(err); got != want {
			t.Errorf("%v is %q, want %q", err, got, want)
		}
	}
	check("hook", m.Fire(ctx, do))
	check("error", m.Fire(ctx, fsm.NewSignal("unknown")))
	before = errBoom
	check("before", m.Transition(ctx, starting))
	check("before", m.Fire(ctx, hooked))
	before = nil
	w.row.version++
	check("write", m.Transition(ctx, starting))
	check("write", m.Fire(ctx, hooked))
	w.err = errBoom
	check("ended", m.Transition(ctx, starting))
	check("ended", m.Fire(ctx, hooked))
	check("ended", fmt.Errorf("wrapped: %w", m.Fire(ctx, hooked)))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	check("turn", m.Transition(ended, starting))
	check("turn", m.Fire(ended, hooked))
	check("aborted", fsm.ErrAborted)
	check("error", context.Canceled)
}

func TestTheDurationOfAResultIsThatOfTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var took []time.Duration
		slow := func(context.Context, transition) error { time.Sleep(time.Second); return nil }
		m := fsm.New(with(t, fsm.Guard(starting, "slow", slow), fsm.OnEntry(starting, slow)),
			fsm.WithObserver(func(_ context.Context, r fsm.Result[state]) { took = append(took, r.Duration) }))
		go func() { _ = m.Transition(t.Context(), starting) }()
		synctest.Wait()
		_ = m.Transition(t.Context(), stopping) // waits for its turn
		if diff := cmp.Diff([]time.Duration{2 * time.Second, 0}, took); diff != "" {
			t.Errorf("durations (-want +got):\n%s", diff)
		}
	})
}
