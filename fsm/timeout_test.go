package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// timed returns a machine that the test closes. The slice has the errors that the
// OnTimeoutError hook got.
func timed(t *testing.T, def *fsm.Definition[state], opts ...fsm.Option) (*fsm.Machine[state], *[]error) {
	t.Helper()
	var failed []error
	def, err := def.With(fsm.OnTimeoutError(func(_ context.Context, e *fsm.TransitionError[state]) { failed = append(failed, e) }))
	if err != nil {
		t.Fatal(err)
	}
	m := fsm.New(def, opts...)
	t.Cleanup(func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return m, &failed
}

// later sleeps, and waits until all timeouts of that moment have fired.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// wantAt sleeps and checks the state of a machine.
func wantAt(t *testing.T, m *fsm.Machine[state], d time.Duration, want state) {
	t.Helper()
	later(d)
	if m.State() != want {
		t.Errorf("in %s, want %s", m.State(), want)
	}
}

func TestTimeoutIsATransitionWithACause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran trace
		def := with(t, append(ran.forEdge(warming, idle), fsm.Timeout(warming, 90*time.Second, idle))...)
		m, failed := timed(t, def)
		transitions := m.Subscribe(t.Context(), 9)
		walk(t, m, starting)
		later(time.Minute) // time outside the state does not count
		walk(t, m, warming)
		entered := time.Now()
		ran.clear()
		wantAt(t, m, 90*time.Second-1, warming)
		wantAt(t, m, 1, idle)
		want := transition{Number: 3, From: warming, To: idle, At: entered.Add(90 * time.Second).UTC(), Cause: "timeout after 1m30s in warming"}
		if past := m.History(); past[len(past)-1] != want {
			t.Errorf("the history has %+v, want %+v", past[len(past)-1], want)
		}
		if diff := cmp.Diff([]string{"guard", "before", "exit", "edge", "enter", "after"}, ran.lines); diff != "" || len(*failed) > 0 {
			t.Errorf("failed %v, ran (-want +got):\n%s", *failed, diff)
		}
		received := 0
		for tr := range transitions {
			if received++; received == 3 {
				if tr != want {
					t.Errorf("subscriber got %+v", tr)
				}
				break
			}
		}
		wantAt(t, m, time.Hour, idle)
	})
}

func TestTimeoutEndsOnExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failed := timed(t, with(t, fsm.Timeout(warming, 30*time.Second, idle)))
		walk(t, m, starting, warming)
		later(29 * time.Second)
		walk(t, m, active)
		wantAt(t, m, time.Hour, active)
		walk(t, m, stopping, stopped, idle, starting, warming)
		wantAt(t, m, 29*time.Second, warming) // a new timeout
		if err := m.Reset(context.Background(), "out"); err != nil {
			t.Fatal(err)
		}
		walk(t, m, starting)
		wantAt(t, m, time.Hour, starting)
		if len(*failed) > 0 {
			t.Errorf("failed: %v", *failed)
		}
	})
}

// A timeout may become due while another change is under way. It fires after that change,
// unless the change exits its state.
func TestTimeoutThatIsDueDuringAChangeWaits(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m, failed := timed(t, with(t,
				fsm.Timeout(warming, 30*time.Second, idle),
				fsm.Guard(active, "slow", func(context.Context, transition) error {
					time.Sleep(time.Minute)
					if leaves {
						return nil
					}
					return errBoom
				})))
			walk(t, m, starting, warming)
			err := m.Transition(context.Background(), active)
			synctest.Wait()
			want := map[bool]state{true: active, false: idle}[leaves]
			if leaves != (err == nil) || m.State() != want || len(*failed) > 0 {
				t.Errorf("%v, %v, in %s, want %s", err, *failed, m.State(), want)
			}
		})
	}
}

// A timeout may wait for its turn while a change exits and enters its state. It does not
// fire then. The timeout of the new entry counts from the time of the change.
func TestTimeoutOfAnEarlierEntryDoesNotFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Reenter(warming),
			fsm.GuardEdge(warming, warming, "slow", func(context.Context, transition) error { time.Sleep(40 * time.Second); return nil })))
		walk(t, m, starting, warming)
		later(30 * time.Second)
		walk(t, m, warming) // takes 40 s; the first timeout is due after 30 s
		wantAt(t, m, 20*time.Second-1, warming)
		wantAt(t, m, 1, idle)
	})
}

func TestTimeoutsOfOneStateAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := true
		m, failed := timed(t, with(t,
			fsm.Timeout(warming, 50*time.Second, stopping), fsm.Timeout(warming, 30*time.Second, idle),
			fsm.GuardEdge(warming, idle, "not yet", func(context.Context, transition) error {
				if refused {
					return errBoom
				}
				return nil
			})))
		walk(t, m, starting, warming)
		wantAt(t, m, 49*time.Second, warming) // the first timeout was refused and is over
		if len(*failed) != 1 || !errors.Is((*failed)[0], errBoom) {
			t.Errorf("timeout errors %v", *failed)
		}
		wantAt(t, m, time.Second, stopping)
		refused = false
		walk(t, m, stopped, idle, starting, warming)
		wantAt(t, m, time.Hour, idle) // the second timeout ended on exit
		if len(*failed) != 1 {
			t.Errorf("timeout errors %v", *failed)
		}
	})
}

// Simultaneous timeouts fire in the order in which they were started. The timeout of a parent
// starts before that of its child.
func TestSimultaneousTimeoutsFireInTheOrderOfTheirStart(t *testing.T) {
	table := fsm.Table[state]{idle: {running}, running: {stopped}, warming: {active, starting}, active: {warming}, starting: {}, stopped: {}}
	synctest.Test(t, func(t *testing.T) {
		var order trace
		def := fsm.MustDefine(idle, table, fsm.Substates(running, warming, active, starting),
			fsm.Timeout(warming, time.Minute, active), fsm.Timeout(warming, time.Minute+1, starting), fsm.Timeout(running, time.Minute, stopped),
			fsm.Guard(stopped, "no", func(context.Context, transition) error { order.add("running"); return errBoom }),
			fsm.Guard(active, "no", func(context.Context, transition) error { order.add("warming"); return errBoom }))
		m, failed := timed(t, def)
		walk(t, m, running)
		later(time.Hour)
		if diff := cmp.Diff([]string{"running", "warming"}, order.lines); diff != "" || len(*failed) != 2 || m.State() != starting {
			t.Errorf("in %s, timeout errors %v, order (-want +got):\n%s", m.State(), *failed, diff)
		}
	})
}

func TestTimeoutOfAParentRunsInItsChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, nested(t, fsm.Timeout(running, time.Minute, stopped), fsm.Timeout(warming, 10*time.Second, active)))
		walk(t, m, running)
		later(30 * time.Second)
		walk(t, m, live)
		wantAt(t, m, 10*time.Second, active)
		wantAt(t, m, 20*time.Second, stopped)
		past := m.History()
		if last := past[len(past)-1]; last.Cause != "timeout after 1m in running" || last.From != active {
			t.Errorf("the history has %+v", last)
		}
	})
	synctest.Test(t, func(t *testing.T) { // it starts anew when the parent is entered again
		m, _ := timed(t, nested(t, fsm.Timeout(running, time.Minute, stopped)))
		walk(t, m, active)
		later(30 * time.Second)
		walk(t, m, running)
		wantAt(t, m, 59*time.Second, starting)
		wantAt(t, m, time.Second, stopped)
	})
}

func TestOnlyReenterRestartsATimeout(t *testing.T) {
	stay := map[string]stateRule{"self": fsm.Self(warming), "internal": fsm.Internal(tick, fsm.From(warming)), "reenter": fsm.Reenter(warming)}
	for name, rule := range stay {
		synctest.Test(t, func(t *testing.T) {
			m, _ := timed(t, with(t, rule, fsm.Timeout(warming, time.Minute, idle)))
			walk(t, m, starting, warming)
			later(30 * time.Second)
			switch name {
			case "internal":
				if err := m.Fire(context.Background(), tick); err != nil {
					t.Fatal(err)
				}
			default:
				walk(t, m, warming)
			}
			want := map[bool]state{true: warming, false: idle}[name == "reenter"]
			wantAt(t, m, 30*time.Second, want)
			wantAt(t, m, 30*time.Second, idle)
		})
	}
}

func TestTimeoutIsWrittenThroughTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := newLease()
		m, failed := timed(t, with(t, fsm.Timeout(warming, 30*time.Second, idle), fsm.Timeout(warming, time.Minute, stopping),
			fsm.Timeout(starting, time.Minute, idle)), fsm.WithWriter(held))
		walk(t, m, starting)
		wantAt(t, m, time.Minute, idle)
		wantStored(t, held, m)

		walk(t, m, starting, warming)
		held.end(lost())
		later(30 * time.Second)
		wantState(t, m, warming, 4)
		if len(*failed) != 1 {
			t.Fatalf("timeout errors %v", *failed)
		}
		wantRefusal(t, (*failed)[0], fsm.PhaseEnded, store.ErrLost)
		if err := m.Detach(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantAt(t, m, 30*time.Second, stopping) // the second timeout; it is not written
		if writes, _ := held.counts(); writes != 4 {
			t.Errorf("%d writes", writes)
		}
	})
}

func TestTimeoutThatTheStoreRefusesIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := newLease()
		m, failed := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle)), fsm.WithWriter(held))
		down := time.Now().Add(time.Minute)
		held.answer = func() error {
			if time.Now().Equal(down) {
				return store.ErrUnavailable
			}
			return nil
		}
		walk(t, m, starting, warming)
		later(time.Hour)
		wantState(t, m, warming, 2)
		if len(*failed) != 1 {
			t.Fatalf("timeout errors %v", *failed)
		}
		wantRefusal(t, (*failed)[0], fsm.PhaseWrite, store.ErrUnavailable)
	})
}

func TestNewStartsTheTimeoutsOfTheInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, with(t, fsm.Timeout(idle, time.Minute, starting)))
		wantAt(t, m, time.Minute, starting)
		if err := m.Reset(context.Background(), "anew"); err != nil {
			t.Fatal(err)
		}
		wantAt(t, m, time.Minute-1, idle)
		wantAt(t, m, 1, starting)
	})
}

func TestCloseStopsTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failed := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle)))
		walk(t, m, starting, warming)
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantAt(t, m, time.Hour, warming)
		if len(*failed) > 0 {
			t.Errorf("timeout errors %v", *failed)
		}
	})
}

// Close ends the context of the timeout in progress and waits for it.
func TestCloseInterruptsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, done := time.Now(), false
		m, failed := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Timeout(idle, time.Hour, starting), fsm.OnEntry(idle, func(ctx context.Context, _ transition) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			done = true
			return context.Cause(ctx)
		})))
		walk(t, m, starting, warming)
		later(time.Minute)
		if err := m.Close(context.Background()); err != nil || !done || time.Since(began) != time.Minute+time.Second {
			t.Errorf("closed with %v after %v, done: %v", err, time.Since(began), done)
		}
		if len(*failed) != 1 || !errors.Is((*failed)[0], fsm.ErrClosed) {
			t.Errorf("timeout errors %v", *failed)
		}
	})
}

// Close waits for a timeout that waits for its turn. The timeout does not fire.
func TestCloseEndsATimeoutThatWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failed := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.Before(func(_ context.Context, tr transition) error {
				if tr.To == active {
					time.Sleep(2 * time.Minute)
					return errBoom
				}
				return nil
			})))
		walk(t, m, starting, warming)
		go func() { _ = m.Transition(context.Background(), active) }()
		later(90 * time.Second) // the timeout waits for its turn
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Close(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed with %v", err)
		}
		later(time.Hour)
		wantState(t, m, warming, 2)
		if len(*failed) > 0 {
			t.Errorf("timeout errors %v", *failed)
		}
	})
}

func TestChangeInHookOfATimeoutIsReentrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		var m *fsm.Machine[state]
		try := func(ctx context.Context) { errs = append(errs, m.Transition(ctx, starting), m.Close(ctx)) }
		m = fsm.New(with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.OnEntry(idle, func(ctx context.Context, _ transition) error { try(ctx); return errBoom }),
			fsm.OnTimeoutError(func(ctx context.Context, _ *fsm.TransitionError[state]) { try(ctx) })))
		defer m.Close(context.Background())
		walk(t, m, starting, warming)
		later(time.Minute)
		if len(errs) != 4 {
			t.Fatalf("%d errors", len(errs))
		}
		for _, err := range errs {
			if !errors.Is(err, fsm.ErrReentrant) {
				t.Errorf("got %v, want %v", err, fsm.ErrReentrant)
			}
		}
		if deadline := len(m.History()); m.State() != idle || deadline != 3 {
			t.Errorf("in %s", m.State())
		}
	})
}

// The OnTimeoutError hook can queue a second try.
func TestTimeoutErrorHookMayQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var order trace
		refusals := 2
		def := with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.Guard(idle, "twice", func(context.Context, transition) error {
				if refusals--; refusals >= 0 {
					return errBoom
				}
				return nil
			}),
			fsm.Finally(func(_ context.Context, tr transition, err error) { order.add(fmt.Sprint("finally ", err != nil)) }),
			fsm.OnTimeoutError(func(ctx context.Context, e *fsm.TransitionError[state]) {
				order.add("failed")
				if err := m.TransitionWithCause(ctx, e.To, "again"); err != nil {
					t.Error(err)
				}
			}))
		retry := func(ctx context.Context, _ error) { _ = m.Transition(ctx, idle) }
		m = fsm.New(def, fsm.WithQueue(1, retry))
		defer m.Close(context.Background())
		walk(t, m, starting, warming)
		order.clear()
		wantAt(t, m, time.Minute, idle)
		if diff := cmp.Diff([]string{"finally true", "failed", "finally true", "finally false"}, order.lines); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

func TestTimeoutFuncIsCalledOnEachEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []transition
		var attempts time.Duration
		wait := func(_ context.Context, tr transition) time.Duration {
			got = append(got, tr)
			attempts++
			return attempts * attempts * time.Second
		}
		m, _ := timed(t, with(t, fsm.TimeoutFunc(starting, "backoff", wait, idle)))
		for n := 1; n <= 3; n++ {
			walk(t, m, starting)
			wantAt(t, m, time.Duration(n*n)*time.Second-1, starting)
			wantAt(t, m, 1, idle)
		}
		past := m.History()
		if got[2] != past[4] || past[5].Cause != "timeout after backoff in starting" {
			t.Errorf("the function got %+v, the history has %+v", got[2], past[4:])
		}
	})
}

func TestNewCallsTimeoutFuncOfTheInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []transition
		m, _ := timed(t, with(t, fsm.TimeoutFunc(idle, "patience", func(_ context.Context, tr transition) time.Duration { got = append(got, tr); return -time.Hour }, starting)))
		wantAt(t, m, 0, starting)
		if len(got) != 1 || got[0].To != idle || got[0].Number != 0 || !got[0].At.Equal(time.Now()) {
			t.Errorf("the function got %+v", got)
		}
	})
}

// A negative timeout is due at the time of entry, not before.
func TestNegativeTimeoutIsDueOnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var due []time.Time
		m, _ := timed(t, with(t, fsm.TimeoutFunc(starting, "none", func(context.Context, transition) time.Duration { return -time.Hour }, idle),
			fsm.Encode(func(_ context.Context, s snapshot) ([]byte, error) {
				for _, p := range s.Timeouts {
					due = append(due, p.Due)
				}
				return []byte("x"), nil
			})), fsm.WithWriter(newLease()))
		walk(t, m, starting)
		wantAt(t, m, 0, idle)
		if len(due) != 1 || !due[0].Equal(time.Now()) {
			t.Errorf("due %v, want %v", due, time.Now())
		}
	})
}

func TestPanickingTimeoutFuncLeavesTheMachineUsable(t *testing.T) {
	m := fsm.New(with(t, fsm.TimeoutFunc(starting, "boom", func(context.Context, transition) time.Duration { panic(errBoom) }, idle)))
	func() {
		defer func() { _ = recover() }()
		_ = m.Transition(context.Background(), starting)
	}()
	wantState(t, m, idle, 0)
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A hook that ends its goroutine ends the timeout that runs it, and no other timeout.
func TestTimeoutsFireAfterGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Timeout(warming, 2*time.Minute, stopping),
			fsm.Guard(idle, "gone", func(context.Context, transition) error { runtime.Goexit(); return nil })))
		walk(t, m, starting, warming)
		wantAt(t, m, time.Minute, warming)
		wantAt(t, m, time.Minute, stopping)
	})
}

// Machines with running timeouts have no goroutine.
func TestWaitingTimeoutsHaveNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	def := with(t, fsm.Timeout(idle, time.Hour, starting))
	for range 1000 {
		m := fsm.New(def)
		defer m.Close(context.Background())
	}
	if after := runtime.NumGoroutine(); after > before+100 { // other tests may start goroutines
		t.Errorf("%d goroutines, %d before", after, before)
	}
}

// Every caller gets its turn beside a circle that takes no time, and may end it.
func TestCircleWithoutDurationLeavesTheTurnToCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zero := func(context.Context, transition) time.Duration { return 0 }
		table := fsm.Table[state]{idle: {starting, stopped}, starting: {idle, stopped}, stopped: {}}
		m, _ := timed(t, fsm.MustDefine(idle, table,
			fsm.TimeoutFunc(idle, "at once", zero, starting),
			fsm.TimeoutFunc(starting, "at once too", zero, idle),
			fsm.Internal(tick, fsm.From(idle, starting))))
		done := make(chan error)
		const callers = 20
		for range callers {
			go func() {
				for range 50 {
					if err := m.Fire(context.Background(), tick); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range callers {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if err := m.Transition(context.Background(), stopped); err != nil {
			t.Error(err)
		}
		made := m.Snapshot().Number
		synctest.Wait()
		if m.State() != stopped || m.Snapshot().Number != made || made < callers {
			t.Errorf("in %s after %d transitions", m.State(), made)
		}
	})
}

func TestDefineRefusesTimeouts(t *testing.T) {
	tests := map[string]struct {
		rules []stateRule
		want  []string
	}{
		"not positive": {[]stateRule{fsm.Timeout(warming, 0, idle), fsm.Timeout(starting, -time.Second, idle)}, []string{`the timeout of "starting" to "idle" is -1s: it must be positive`, `the timeout of "warming" to "idle" is 0s: it must be positive`}},
		"unknown":      {[]stateRule{fsm.Timeout("x", time.Hour, idle), fsm.Timeout(idle, 61*time.Minute, "y")}, []string{`the timeout after 1h is for "x", which is not in the table`, `the timeout after 1h1m is for "y", which is not in the table`}},
		"not an edge":  {[]stateRule{fsm.Timeout(idle, time.Second, active)}, []string{`the timeout after 1s leads from "idle" to "active", which the table does not`}},
		"twice":        {[]stateRule{fsm.Timeout(warming, time.Second, idle), fsm.Timeout(warming, time.Minute, idle)}, []string{`"warming" has more than one timeout to "idle"`}},
		"no func":      {[]stateRule{fsm.TimeoutFunc(warming, "", nil, idle), fsm.OnTimeoutError[state](nil)}, []string{`the timeout of "warming" to "idle" has no function`, `the timeout of "warming" to "idle" has no name`, "timeout error hook has no function"}},
		"circle":       {[]stateRule{fsm.Timeout(active, 1, stopping), fsm.Timeout(stopping, 1, stopped), fsm.Timeout(stopped, 1, idle), fsm.Timeout(idle, 1, starting), fsm.Timeout(starting, 1, warming), fsm.Timeout(starting, 1, stopping), fsm.Timeout(starting, 1, idle)}, []string{"nothing but timeouts leads from idle, starting, stopping, stopped: they would go round for ever; if that is meant, add a TimeoutCycle rule"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := lifecycle.With(test.rules...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

// A circle with an edge that no timeout takes is permitted. A timeout of a parent counts for
// its children.
func TestDefineRefusesCirclesOfTimeoutsAlone(t *testing.T) {
	table := fsm.Table[string]{"up": {"down"}, "down": {"up", "off"}, "off": {}}
	if _, err := fsm.Define("up", table, fsm.Timeout("up", time.Second, "down"), fsm.Timeout("down", time.Second, "up")); err != nil {
		t.Error(err)
	}
	table = fsm.Table[string]{"a": {"b"}, "a1": {"a2"}, "a2": {}, "b": {"a"}, "c": {"a"}}
	within := fsm.Substates("a", "a1", "a2")
	rules := []fsm.Rule[string]{within, fsm.Timeout("a", time.Second, "b"), fsm.Timeout("a1", time.Second, "a2"), fsm.Timeout("b", time.Second, "a"), fsm.Timeout("c", time.Second, "a")}
	def, err := fsm.Define("c", table, rules...)
	wantProblems(t, def == nil, err, "nothing but timeouts leads from a1, a2, b: they would go round for ever; if that is meant, add a TimeoutCycle rule")
	if _, err := fsm.Define("c", table, slices.Concat(rules[:3], rules[4:])...); err != nil {
		t.Error(err)
	}
	_, err = fsm.Define("a", fsm.Table[string]{"a": {}}, fsm.Reenter("a"), fsm.Timeout("a", time.Second, "a"))
	wantProblems(t, true, err, "nothing but timeouts leads from a: they would go round for ever; if that is meant, add a TimeoutCycle rule")
}

// A call comes before the timeouts that overdue ones start, also if several were overdue and the
// clock stands still meanwhile.
func TestCallComesBeforeTheTimeoutsThatOverdueOnesStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := fsm.MustDefine("a", fsm.Table[string]{"a": {"b", "c"}, "b": {"c", "d"}, "c": {}, "d": {}},
			fsm.Timeout("a", time.Second, "b"), fsm.Timeout("a", time.Second, "c"),
			fsm.TimeoutFunc("b", "none", func(context.Context, fsm.Transition[string]) time.Duration { return 0 }, "c"),
			fsm.Internal(tick, fsm.From("a"), fsm.Do(func(context.Context, fsm.Transition[string], fsm.NoArg) error {
				time.Sleep(2 * time.Second)
				return nil
			})))
		m := fsm.New(def)
		busy := start(func() error { return m.Fire(context.Background(), tick) })
		later(time.Millisecond)
		if err := m.Transition(context.Background(), "d"); err != nil || m.State() != "d" {
			t.Errorf("in %s: %v", m.State(), err)
		}
		if err := <-busy; err != nil {
			t.Error(err)
		}
	})
}
