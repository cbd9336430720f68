package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// failures records the errors of queued changes.
type failures struct{ trace }

// failed is the function that WithQueue takes.
func (f *failures) failed(_ context.Context, err error) { f.add(err.Error()) }

func TestQueuedChangesRunAfterTheChangeInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var log trace
		var failed failures
		m = fsm.New(with(t,
			fsm.On(stop, fsm.From(warming), stopping),
			fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
				for _, err := range []error{m.Transition(ctx, warming), m.Transition(ctx, active), m.Fire(ctx, stop)} {
					if err != nil {
						t.Errorf("a change was not queued: %v", err)
					}
				}
				wantState(t, m, starting, 1)
				return errBoom
			}),
			fsm.After(func(_ context.Context, tr transition) error { log.add(fmt.Sprint(tr.From, " -> ", tr.To)); return nil }),
			fsm.OnEntry(active, func(ctx context.Context, tr transition) error {
				if err := m.Reset(ctx, "from the queue"); err != nil { // queued after stop
					t.Error(err)
				}
				return nil
			}),
		), fsm.WithQueue(3, failed.failed))
		other := make(chan error, 1)
		held := make(chan struct{})
		go func() {
			<-held
			other <- m.Transition(context.Background(), starting)
		}()
		close(held)
		synctest.Wait()
		err := <-other
		transition, ok := errors.AsType[*fsm.TransitionError[state]](err)
		if !ok || transition.To != starting || !transition.Moved {
			t.Errorf("the caller got %v, want the error of its own change", err)
		}
		if diff := cmp.Diff([]string{"idle -> starting", "starting -> warming", "warming -> active"}, log.lines); diff != "" {
			t.Errorf("hooks (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{`event "stop" in active: not handled; no event is possible`}, failed.lines); diff != "" {
			t.Errorf("errors of queued changes (-want +got):\n%s", diff)
		}
		wantState(t, m, idle, 4)
	})
}

func TestQueuedChangesRunBeforeOtherCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		open := make(gate)
		m = fsm.New(with(t, fsm.Before(func(ctx context.Context, tr transition) error {
			if tr.To == starting {
				_ = m.Transition(ctx, warming)
				return open.pass(ctx, tr)
			}
			return nil
		})), fsm.WithQueue(1, func(_ context.Context, err error) { t.Error(err) }))
		first := start(func() error { return m.Transition(context.Background(), starting) })
		second := start(func() error { return m.Transition(context.Background(), active) }) // permitted only in warming
		open <- nil
		if err := errors.Join(<-first, <-second); err != nil {
			t.Error(err)
		}
		wantState(t, m, active, 3)
	})
}

func TestQueuedChangesRunAfterARefusal(t *testing.T) {
	var m *fsm.Machine[state]
	var failed failures
	m = fsm.New(with(t, fsm.Before(func(ctx context.Context, tr transition) error {
		if tr.Cause == "queued" {
			return nil
		}
		return errors.Join(m.TransitionWithCause(ctx, starting, "queued"), errBoom)
	})), fsm.WithQueue(1, failed.failed))
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseBefore, errBoom)
	wantState(t, m, starting, 1)
	if len(failed.lines) != 0 {
		t.Error(failed.lines)
	}
}

func TestFullQueueRefusesChanges(t *testing.T) {
	var m *fsm.Machine[state]
	m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
		_ = m.Transition(ctx, warming)
		wantRefusal(t, m.Transition(ctx, active), fsm.PhaseTurn, fsm.ErrQueueFull)
		wantRefusal(t, m.Reset(ctx, "x"), fsm.PhaseTurn, fsm.ErrQueueFull)
		if err := m.Close(ctx); !errors.Is(err, fsm.ErrReentrant) {
			t.Errorf("close: %v", err)
		}
		if err := m.Detach(ctx); !errors.Is(err, fsm.ErrReentrant) {
			t.Errorf("detach: %v", err)
		}
		return nil
	})), fsm.WithQueue(1, func(_ context.Context, err error) { t.Error(err) }))
	walk(t, m, starting)
	wantState(t, m, warming, 2)
}

func TestQueuedChangeFailsIfItsContextOrTheMachineEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var failed failures
		closing := make(chan error, 1)
		m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
			short, cancel := context.WithCancel(ctx)
			_ = m.Transition(short, warming)
			cancel()
			return m.Transition(ctx, stopping)
		}), fsm.OnEntry(stopping, func(ctx context.Context, _ transition) error {
			go func() { closing <- m.Close(context.Background()) }()
			synctest.Wait()
			return m.Transition(ctx, stopped)
		})), fsm.WithQueue(2, failed.failed))
		walk(t, m, starting)
		if err := <-closing; err != nil {
			t.Error(err)
		}
		want := []string{"starting -> warming: context canceled", "stopping -> stopped: machine closed"}
		if diff := cmp.Diff(want, failed.lines); diff != "" {
			t.Errorf("errors of queued changes (-want +got):\n%s", diff)
		}
		wantState(t, m, stopping, 2)
	})
}

// A queued change never runs in the turn of a later call.
func TestQueueIsDroppedIfAHookDoesNotReturn(t *testing.T) {
	for name, leave := range map[string]func(){"panic": func() { panic(errBoom) }, "goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			var m *fsm.Machine[state]
			var failed failures
			m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
				_, _ = m.Transition(ctx, warming), m.Transition(ctx, stopping)
				leave()
				return nil
			})), fsm.WithQueue(9, func(ctx context.Context, err error) {
				failed.failed(ctx, err)
				if err := m.Transition(ctx, idle); !errors.Is(err, fsm.ErrAborted) {
					t.Errorf("a change was queued while the queue is dropped: %v", err)
				}
			}))
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() { _ = recover() }()
				_ = m.Transition(context.Background(), starting)
			}()
			<-done
			want := []string{"starting -> warming: user code did not return", "starting -> stopping: user code did not return"}
			if diff := cmp.Diff(want, failed.lines); diff != "" {
				t.Errorf("errors of queued changes (-want +got):\n%s", diff)
			}
			wantState(t, m, starting, 1)
			walk(t, m, warming)
			wantState(t, m, warming, 2)
		})
	}
}

func TestErrorFunctionOfQueueMayQueue(t *testing.T) {
	var m *fsm.Machine[state]
	m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error { return m.Transition(ctx, stopped) })),
		fsm.WithQueue(1, func(ctx context.Context, err error) {
			wantRefusal(t, err, fsm.PhaseTable, fsm.ErrInvalidTransition)
			if err := m.Transition(ctx, stopping); err != nil {
				t.Error(err)
			}
		}))
	walk(t, m, starting)
	wantState(t, m, stopping, 2)
}

// A goroutine that a hook starts may make a change at the end of the turn. The change is
// either queued and run, or waits for a turn of its own.
func TestChangeQueuedAtTheEndOfATurnIsNotLost(t *testing.T) {
	for range 500 {
		var m *fsm.Machine[state]
		var done sync.WaitGroup
		m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
			done.Go(func() {
				if err := m.Transition(ctx, warming); err != nil {
					t.Error(err)
				}
			})
			return nil
		})), fsm.WithQueue(1, func(_ context.Context, err error) { t.Error(err) }))
		walk(t, m, starting)
		done.Wait()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if _, err := m.Wait(ctx, warming); err != nil {
			t.Fatal(err)
		}
		cancel()
	}
}

func TestOneOfConcurrentEventsSucceeds(t *testing.T) {
	for name, rules := range map[string][]stateRule{"plain": nil, "hooked": {fsm.After(failsWith(nil))}} {
		t.Run(name, func(t *testing.T) {
			m := fsm.New(with(t, append(rules, fsm.On(stop, fsm.From(idle), starting))...))
			results := make(chan error, 16)
			for range cap(results) {
				go func() { results <- m.Fire(context.Background(), stop) }()
			}
			succeeded := 0
			for range cap(results) {
				if err := <-results; err == nil {
					succeeded++
				} else {
					wantEvent(t, err, "stop", starting, nil, fsm.ErrUnhandled)
				}
			}
			if succeeded != 1 {
				t.Errorf("%d calls succeeded, want 1", succeeded)
			}
			wantState(t, m, starting, 1)
		})
	}
}

// A queue that is dropped stays dropped, also if its function for errors does not return.
func TestDroppedChangesNeverRunInAnotherTurn(t *testing.T) {
	var m *fsm.Machine[state]
	ended := false
	m = fsm.New(with(t, fsm.OnEntry(starting, func(ctx context.Context, _ transition) error {
		if err := errors.Join(m.Transition(ctx, warming), m.Transition(ctx, idle)); err != nil {
			t.Error(err)
		}
		panic("hook")
	})), fsm.WithQueue(5, func(context.Context, error) {
		if !ended {
			ended = true
			runtime.Goexit()
		}
	}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { _ = recover() }()
		_ = m.Transition(context.Background(), starting)
	}()
	<-done
	walk(t, m, warming)
	wantState(t, m, warming, 2)
}

// The context of a timeout ends with it, and not before the queue that its code has left is
// dropped: the function for errors may use it, for example to log or to store.
func TestErrorFunctionOfADroppedQueueGetsALivingContext(t *testing.T) {
	for name, late := range map[string]bool{"by its timer": false, "in the turn of a call": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m *fsm.Machine[state]
				var contexts, failed trace
				m = fsm.New(with(t,
					fsm.Timeout(starting, time.Second, warming),
					fsm.Internal(tick, fsm.From(starting), fsm.Do(func(context.Context, transition, fsm.NoArg) error { time.Sleep(2 * time.Second); return nil })),
					fsm.OnEntry(warming, func(ctx context.Context, _ transition) error {
						if err := errors.Join(m.Transition(ctx, active), m.Transition(ctx, idle)); err != nil {
							t.Error(err)
						}
						runtime.Goexit()
						return nil
					}),
				), fsm.WithQueue(2, func(ctx context.Context, err error) {
					contexts.add(fmt.Sprint(ctx.Err()))
					failed.add(err.Error())
				}))
				walk(t, m, starting)
				if late {
					go func() { _ = m.Fire(context.Background(), tick) }()
					synctest.Wait()
					go func() { _ = m.Fire(context.Background(), tick) }() // gets its turn before the timer does
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				want := []string{"warming -> active: user code did not return", "warming -> idle: user code did not return"}
				if diff := cmp.Diff(want, failed.lines); diff != "" {
					t.Errorf("errors of queued changes (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff([]string{"<nil>", "<nil>"}, contexts.lines); diff != "" {
					t.Errorf("errors of contexts (-want +got):\n%s", diff)
				}
			})
		})
	}
}
