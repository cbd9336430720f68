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

// timed is a machine that is closed with the test. What it was told of timeouts that
// failed is in the slice.
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

// later waits, and then for all that happens at that moment.
func later(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// wantAt checks where a machine is after some time.
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
		def := with(t, append(ran.everywhere(warming, idle), fsm.Timeout(warming, 90*time.Second, idle))...)
		m, failed := timed(t, def)
		steps := m.Subscribe(t.Context(), 9)
		walk(t, m, starting)
		later(time.Minute) // that does not count
		walk(t, m, warming)
		entered := time.Now()
		ran.clear()
		wantAt(t, m, 90*time.Second-1, warming)
		wantAt(t, m, 1, idle)
		want := moved{Number: 3, From: warming, To: idle, At: entered.Add(90 * time.Second).UTC(), Cause: "timeout after 1m30s in warming"}
		if past := m.History(); past[len(past)-1] != want {
			t.Errorf("recorded %+v, want %+v", past[len(past)-1], want)
		}
		if diff := cmp.Diff([]string{"guard", "before", "exit", "edge", "enter", "after"}, ran.lines); diff != "" || len(*failed) > 0 {
			t.Errorf("failed %v, ran (-want +got):\n%s", *failed, diff)
		}
		told := 0
		for tr := range steps {
			if told++; told == 3 {
				if tr != want {
					t.Errorf("told of %+v", tr)
				}
				break
			}
		}
		wantAt(t, m, time.Hour, idle)
	})
}

func TestTimeoutDiesOnExit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failed := timed(t, with(t, fsm.Timeout(warming, 30*time.Second, idle)))
		walk(t, m, starting, warming)
		later(29 * time.Second)
		walk(t, m, active)
		wantAt(t, m, time.Hour, active)
		walk(t, m, stopping, stopped, idle, starting, warming)
		wantAt(t, m, 29*time.Second, warming) // anew
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

// One that has become due while its state is being left has come too late.
func TestTimeoutThatWaitsForItsTurn(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			m, failed := timed(t, with(t,
				fsm.Timeout(warming, 30*time.Second, idle),
				fsm.Guard(active, "slow", func(context.Context, moved) error {
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

// One that waited while its state was entered anew is not that of the new entry.
func TestTimeoutOfAnEarlierEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Reenter(warming),
			fsm.GuardEdge(warming, warming, "slow", func(context.Context, moved) error { time.Sleep(40 * time.Second); return nil })))
		walk(t, m, starting, warming)
		later(30 * time.Second)
		walk(t, m, warming) // begun 30 s before the end of the first, done 10 s after it
		wantAt(t, m, 20*time.Second-1, warming)
		wantAt(t, m, 1, idle)
	})
}

func TestSeveralTimeoutsOfAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := true
		m, failed := timed(t, with(t,
			fsm.Timeout(warming, 50*time.Second, stopping), fsm.Timeout(warming, 30*time.Second, idle),
			fsm.GuardEdge(warming, idle, "not yet", func(context.Context, moved) error {
				if refused {
					return errBoom
				}
				return nil
			})))
		walk(t, m, starting, warming)
		wantAt(t, m, 49*time.Second, warming) // the first was refused, and is over
		if len(*failed) != 1 || !errors.Is((*failed)[0], errBoom) {
			t.Errorf("told of %v", *failed)
		}
		wantAt(t, m, time.Second, stopping)
		refused = false
		walk(t, m, stopped, idle, starting, warming)
		wantAt(t, m, time.Hour, idle) // and the second died with the first
		if len(*failed) != 1 {
			t.Errorf("told of %v", *failed)
		}
	})
}

// Two at once: the one that began first, and of those the outer, is the first to try.
func TestTimeoutsAtOnce(t *testing.T) {
	table := fsm.Table[state]{idle: {running}, running: {stopped}, warming: {active, starting}, active: {warming}, starting: {}, stopped: {}}
	synctest.Test(t, func(t *testing.T) {
		var order trace
		def := fsm.MustDefine(idle, table, fsm.Substates(running, warming, active, starting),
			fsm.Timeout(warming, time.Minute, active), fsm.Timeout(warming, time.Minute+1, starting), fsm.Timeout(running, time.Minute, stopped),
			fsm.Guard(stopped, "no", func(context.Context, moved) error { order.add("running"); return errBoom }),
			fsm.Guard(active, "no", func(context.Context, moved) error { order.add("warming"); return errBoom }))
		m, failed := timed(t, def)
		walk(t, m, running)
		later(time.Hour)
		if diff := cmp.Diff([]string{"running", "warming"}, order.lines); diff != "" || len(*failed) != 2 || m.State() != starting {
			t.Errorf("in %s, told of %v, order (-want +got):\n%s", m.State(), *failed, diff)
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
			t.Errorf("recorded %+v", last)
		}
	})
	synctest.Test(t, func(t *testing.T) { // entered again it begins anew
		m, _ := timed(t, nested(t, fsm.Timeout(running, time.Minute, stopped)))
		walk(t, m, active)
		later(30 * time.Second)
		walk(t, m, running)
		wantAt(t, m, 59*time.Second, starting)
		wantAt(t, m, time.Second, stopped)
	})
}

func TestWhatDoesNotLeaveDoesNotStartATimeoutAnew(t *testing.T) {
	stay := map[string]ruled{"self": fsm.Self(warming), "internal": fsm.Internal(tick, fsm.From(warming)), "reenter": fsm.Reenter(warming)}
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

func TestTimeoutOnALease(t *testing.T) {
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
			t.Fatalf("told of %v", *failed)
		}
		wantRefusal(t, (*failed)[0], fsm.PhaseLease, store.ErrLost)
		if err := m.Detach(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantAt(t, m, 30*time.Second, stopping) // the other, in this process alone
		if writes, _ := held.counts(); writes != 4 {
			t.Errorf("%d writes", writes)
		}
	})
}

func TestTimeoutThatTheStoreRefusesIsOver(t *testing.T) {
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
			t.Fatalf("told of %v", *failed)
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
			t.Errorf("told of %v", *failed)
		}
	})
}

// One that is being carried out is waited for, and its context ends.
func TestCloseInterruptsATimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, done := time.Now(), false
		m, failed := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Timeout(idle, time.Hour, starting), fsm.OnEntry(idle, func(ctx context.Context, _ moved) error {
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
			t.Errorf("told of %v", *failed)
		}
	})
}

// Close also waits for those that have become due and are yet to have their turn.
func TestCloseWaitsForWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, failed := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.Before(func(_ context.Context, tr moved) error {
				if tr.To == active {
					time.Sleep(2 * time.Minute)
					return errBoom
				}
				return nil
			})))
		walk(t, m, starting, warming)
		go func() { _ = m.Transition(context.Background(), active) }()
		later(90 * time.Second) // it waits for its turn by now
		limited, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.Close(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closed with %v", err)
		}
		later(time.Hour)
		wantState(t, m, warming, 2)
		if len(*failed) > 0 {
			t.Errorf("told of %v", *failed)
		}
	})
}

func TestHooksOfATimeoutAreInsideItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		var m *fsm.Machine[state]
		try := func(ctx context.Context) { errs = append(errs, m.Transition(ctx, starting), m.Close(ctx)) }
		m = fsm.New(with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.OnEntry(idle, func(ctx context.Context, _ moved) error { try(ctx); return errBoom }),
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

// Who wants a second try asks for it in the queue.
func TestOnTimeoutErrorMayQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var order trace
		refusals := 2
		def := with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.Guard(idle, "twice", func(context.Context, moved) error {
				if refusals--; refusals >= 0 {
					return errBoom
				}
				return nil
			}),
			fsm.Finally(func(_ context.Context, tr moved, err error) { order.add(fmt.Sprint("finally ", err != nil)) }),
			fsm.OnTimeoutError(func(ctx context.Context, e *fsm.TransitionError[state]) {
				order.add("failed")
				if err := m.TransitionWithCause(ctx, e.To, "again"); err != nil {
					t.Error(err)
				}
			}))
		again := func(ctx context.Context, _ error) { _ = m.Transition(ctx, idle) }
		m = fsm.New(def, fsm.WithQueue(1, again))
		defer m.Close(context.Background())
		walk(t, m, starting, warming)
		order.clear()
		wantAt(t, m, time.Minute, idle)
		if diff := cmp.Diff([]string{"finally true", "failed", "finally true", "finally false"}, order.lines); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
	})
}

func TestTimeoutFuncIsAskedOnEachEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []moved
		var attempts time.Duration
		wait := func(tr moved) time.Duration {
			asked = append(asked, tr)
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
		if asked[2] != past[4] || past[5].Cause != "timeout after backoff in starting" {
			t.Errorf("asked for %+v, recorded %+v", asked[2], past[4:])
		}
	})
}

func TestTimeoutFuncOfTheInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []moved
		m, _ := timed(t, with(t, fsm.TimeoutFunc(idle, "patience", func(tr moved) time.Duration { asked = append(asked, tr); return -time.Hour }, starting)))
		wantAt(t, m, 0, starting)
		if len(asked) != 1 || asked[0].To != idle || asked[0].Number != 0 || !asked[0].At.Equal(time.Now()) {
			t.Errorf("asked for %+v", asked)
		}
	})
}

// What is due at once is shown as due when its state was entered, and not before.
func TestNegativeTimeoutIsDueOnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var due []time.Time
		m, _ := timed(t, with(t, fsm.TimeoutFunc(starting, "none", func(moved) time.Duration { return -time.Hour }, idle),
			fsm.Encode(func(s taken) ([]byte, error) {
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

func TestPanickingTimeoutFuncLeavesTheMachine(t *testing.T) {
	m := fsm.New(with(t, fsm.TimeoutFunc(starting, "boom", func(moved) time.Duration { panic(errBoom) }, idle)))
	func() {
		defer func() { _ = recover() }()
		_ = m.Transition(context.Background(), starting)
	}()
	wantState(t, m, idle, 0)
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// A hook that ends its goroutine ends the timeout that ran it, and no other.
func TestTimeoutsGoOnAfterGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Timeout(warming, 2*time.Minute, stopping),
			fsm.Guard(idle, "gone", func(context.Context, moved) error { runtime.Goexit(); return nil })))
		walk(t, m, starting, warming)
		wantAt(t, m, time.Minute, warming)
		wantAt(t, m, time.Minute, stopping)
	})
}

// A thousand machines that wait for a timeout have no goroutine.
func TestWaitingTimeoutsHaveNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	def := with(t, fsm.Timeout(idle, time.Hour, starting))
	for range 1000 {
		m := fsm.New(def)
		defer m.Close(context.Background())
	}
	if after := runtime.NumGoroutine(); after > before+100 { // other tests' own may come
		t.Errorf("%d goroutines, were %d", after, before)
	}
}

func TestDefineRefusesTimeouts(t *testing.T) {
	tests := map[string]struct {
		rules []ruled
		want  []string
	}{
		"not positive": {[]ruled{fsm.Timeout(warming, 0, idle), fsm.Timeout(starting, -time.Second, idle)}, []string{`the timeout of "starting" to "idle" is -1s: it must be positive`, `the timeout of "warming" to "idle" is 0s: it must be positive`}},
		"unknown":      {[]ruled{fsm.Timeout("x", time.Hour, idle), fsm.Timeout(idle, 61*time.Minute, "y")}, []string{`the timeout after 1h is for "x", which is not in the table`, `the timeout after 1h1m is for "y", which is not in the table`}},
		"not an edge":  {[]ruled{fsm.Timeout(idle, time.Second, active)}, []string{`the timeout after 1s leads from "idle" to "active", which the table does not`}},
		"twice":        {[]ruled{fsm.Timeout(warming, time.Second, idle), fsm.Timeout(warming, time.Minute, idle)}, []string{`"warming" has more than one timeout to "idle"`}},
		"no func":      {[]ruled{fsm.TimeoutFunc(warming, "", nil, idle), fsm.OnTimeoutError[state](nil)}, []string{`the timeout of "warming" to "idle" has no function`, `the timeout of "warming" to "idle" has no name`, "timeout failed hook has no function"}},
		"circle":       {[]ruled{fsm.Timeout(active, 1, stopping), fsm.Timeout(stopping, 1, stopped), fsm.Timeout(stopped, 1, idle), fsm.Timeout(idle, 1, starting), fsm.Timeout(starting, 1, warming), fsm.Timeout(starting, 1, stopping), fsm.Timeout(starting, 1, idle)}, []string{"nothing but timeouts leads from idle, starting, stopping, stopped: they would go round for ever"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := lifecycle.With(test.rules...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

// What somebody could leave otherwise is no circle of timeouts alone; what a parent's
// timeouts leave is one.
func TestCirclesOfTimeouts(t *testing.T) {
	table := fsm.Table[string]{"up": {"down"}, "down": {"up", "off"}, "off": {}}
	if _, err := fsm.Define("up", table, fsm.Timeout("up", time.Second, "down"), fsm.Timeout("down", time.Second, "up")); err != nil {
		t.Error(err)
	}
	table = fsm.Table[string]{"a": {"b"}, "a1": {"a2"}, "a2": {}, "b": {"a"}, "c": {"a"}}
	within := fsm.Substates("a", "a1", "a2")
	rules := []fsm.Rule[string]{within, fsm.Timeout("a", time.Second, "b"), fsm.Timeout("a1", time.Second, "a2"), fsm.Timeout("b", time.Second, "a"), fsm.Timeout("c", time.Second, "a")}
	def, err := fsm.Define("c", table, rules...)
	wantProblems(t, def == nil, err, "nothing but timeouts leads from a1, a2, b: they would go round for ever")
	if _, err := fsm.Define("c", table, slices.Concat(rules[:3], rules[4:])...); err != nil {
		t.Error(err)
	}
	_, err = fsm.Define("a", fsm.Table[string]{"a": {}}, fsm.Reenter("a"), fsm.Timeout("a", time.Second, "a"))
	wantProblems(t, true, err, "nothing but timeouts leads from a: they would go round for ever")
}
