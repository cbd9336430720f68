package fsm_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// waits begins a wait beside the test.
func waits(ctx context.Context, m *fsm.Machine[state], states ...state) (got *state, result <-chan error) {
	got = new(state)
	return got, start(func() (err error) {
		*got, err = m.Wait(ctx, states...)
		return err
	})
}

func TestWaitReturnsTheStateThatWasReached(t *testing.T) {
	for name, rules := range map[string][]ruled{"plain": nil, "hooked": {fsm.After(returns(nil))}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fsm.New(with(t, rules...))
				got, result := waits(context.Background(), m, warming, stopping)
				other, second := waits(context.Background(), m, idle, stopping)
				if err := <-second; err != nil || *other != idle {
					t.Errorf("already there: %v, %v", *other, err)
				}
				walk(t, m, starting, warming, active) // it has moved on when the waiter runs
				if err := <-result; err != nil || *got != warming {
					t.Errorf("got %v, %v", *got, err)
				}
				got, result = waits(context.Background(), m, idle)
				if err := m.Reset(context.Background(), "reset is a step"); err != nil {
					t.Fatal(err)
				}
				if err := <-result; err != nil || *got != idle {
					t.Errorf("after a reset: %v, %v", *got, err)
				}
			})
		})
	}
}

func TestWaitIsToldAfterTheHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.After(open.pass)))
		_, result := waits(context.Background(), m, starting)
		step := start(func() error { return m.Transition(context.Background(), starting) })
		select {
		case <-result:
			t.Error("told before the hooks have run")
		default:
		}
		if _, late := waits(context.Background(), m, starting); <-late != nil {
			t.Error("the machine is there already")
		}
		open <- errBoom
		if err := <-step; err == nil {
			t.Error("the hook failed")
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

// A hook that panics leaves nobody waiting for a step that was made.
func TestWaitIsToldThoughAHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(with(t, fsm.After(func(context.Context, moved) error { panic(errBoom) })))
		_, result := waits(context.Background(), m, starting)
		func() {
			defer func() { _ = recover() }()
			_ = m.Transition(context.Background(), starting)
		}()
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

func TestWaitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(lifecycle)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := m.Wait(ctx, active, stopped)
		if want := "waiting for active, stopped in idle: context deadline exceeded"; !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
			t.Errorf("got %v, want %v", err, want)
		}
		if s, err := m.Wait(ctx, idle); err != nil || s != idle {
			t.Errorf("what is so already needs no context: %v", err)
		}
		if _, err := m.Wait(ctx, active); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := m.Wait(context.Background(), "bogus"); !errors.Is(err, fsm.ErrInvalidTransition) {
			t.Errorf("unknown state: %v", err)
		}
		if _, err := m.Wait(context.Background()); !errors.Is(err, fsm.ErrInvalidTransition) {
			t.Errorf("no state: %v", err)
		}
		_, result := waits(context.Background(), m, active)
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, fsm.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if _, err := m.Wait(context.Background(), active); !errors.Is(err, fsm.ErrClosed) {
			t.Errorf("closed before: %v", err)
		}
	})
}

// collect ranges over a subscription beside the test.
func collect(steps func(func(moved, error) bool)) (got *[]state, result <-chan error) {
	got = new([]state)
	return got, start(func() error {
		for tr, err := range steps {
			if err != nil {
				return err
			}
			*got = append(*got, tr.To)
		}
		return nil
	})
}

func TestSubscriberSeesEveryStepInOrder(t *testing.T) {
	for name, rules := range map[string][]ruled{"plain": nil, "hooked": {fsm.After(returns(nil))}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fsm.New(with(t, append(rules, fsm.On(stop, fsm.From(active), stopping))...))
				walk(t, m, starting)
				ctx, cancel := context.WithCancelCause(context.Background())
				got, result := collect(m.Subscribe(ctx, 8))
				walk(t, m, warming, active)
				_ = m.Transition(ctx, idle) // refused: no step
				fire(t, m, stop)
				_ = m.Reset(ctx, "again")
				synctest.Wait()
				walk(t, m, starting)
				synctest.Wait()
				cancel(errBoom)
				if err := <-result; !errors.Is(err, errBoom) {
					t.Errorf("ended with %v", err)
				}
				if diff := cmp.Diff([]state{warming, active, stopping, idle, starting}, *got); diff != "" {
					t.Errorf("steps (-want +got):\n%s", diff)
				}
				walk(t, m, warming)
			})
		})
	}
}

func TestSubscriberGetsTheWholeTransition(t *testing.T) {
	m := fsm.New(lifecycle)
	steps := m.Subscribe(context.Background(), 1)
	if err := m.TransitionWithCause(context.Background(), starting, "why"); err != nil {
		t.Fatal(err)
	}
	for tr, err := range steps {
		if diff := cmp.Diff(m.History()[0], tr); diff != "" || err != nil {
			t.Errorf("error %v (-history +subscriber):\n%s", err, diff)
		}
		break
	}
	for _, err := range steps {
		if err == nil {
			t.Error("it was left")
		}
	}
}

func TestSlowSubscriberEndsWithWhatFitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(lifecycle)
		slow := m.Subscribe(context.Background(), 2)
		fast, result := collect(m.Subscribe(context.Background(), 9))
		walk(t, m, starting, warming, active, stopping)
		got, ended := collect(slow)
		if err := <-ended; !errors.Is(err, fsm.ErrSlowSubscriber) {
			t.Errorf("ended with %v", err)
		}
		if diff := cmp.Diff([]state{starting, warming}, *got); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		_ = m.Close(context.Background())
		if err := <-result; !errors.Is(err, fsm.ErrClosed) || !slices.Equal(*fast, []state{starting, warming, active, stopping}) {
			t.Errorf("the other one got %v, %v", *fast, err)
		}
		late, ended := collect(m.Subscribe(context.Background(), 1))
		if err := <-ended; !errors.Is(err, fsm.ErrClosed) || *late != nil {
			t.Errorf("closed before: %v, %v", *late, err)
		}
	})
}

// One that begins in a hook is not told of the step whose hook it is.
func TestSubscriptionBeginsWithTheNextStep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var got *[]state
		var result <-chan error
		m = fsm.New(with(t, fsm.OnEntry(starting, func(context.Context, moved) error {
			got, result = collect(m.Subscribe(context.Background(), 4))
			return nil
		})))
		m.Subscribe(t.Context(), 9) // with nobody else there, nobody would be told anyway
		walk(t, m, starting, warming)
		_ = m.Close(context.Background())
		if err := <-result; !errors.Is(err, fsm.ErrClosed) {
			t.Error(err)
		}
		if diff := cmp.Diff([]state{warming}, *got); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
}

// A close that gives up still has the waiters of the machine told, once the
// transition in progress has ended, and of that first.
func TestCloseInProgressTellsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.Before(open.pass)))
		got, result := collect(m.Subscribe(context.Background(), 4))
		step := start(func() error { return m.Transition(context.Background(), starting) })
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := m.Close(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		open <- nil
		if err := errors.Join(<-step); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, fsm.ErrClosed) || !slices.Equal(*got, []state{starting}) {
			t.Errorf("got %v, %v", *got, err)
		}
	})
}

func TestSubscribeNeedsABuffer(t *testing.T) {
	defer func() {
		if got := recover(); got != "fsm: Subscribe(0): must have room for one" {
			t.Errorf("panicked with %v", got)
		}
	}()
	fsm.New(lifecycle).Subscribe(context.Background(), 0)
}
