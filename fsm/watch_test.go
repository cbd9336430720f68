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

// waits calls Wait in a goroutine.
func waits(ctx context.Context, m *fsm.Machine[state], states ...state) (got *state, result <-chan error) {
	got = new(state)
	return got, start(func() (err error) {
		*got, err = m.Wait(ctx, states...)
		return err
	})
}

func TestWaitReturnsTheStateThatWasReached(t *testing.T) {
	for name, rules := range map[string][]stateRule{"plain": nil, "hooked": {fsm.After(failsWith(nil))}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fsm.New(with(t, rules...))
				got, result := waits(context.Background(), m, warming, stopping)
				other, second := waits(context.Background(), m, idle, stopping)
				if err := <-second; err != nil || *other != idle {
					t.Errorf("in the state already: %v, %v", *other, err)
				}
				walk(t, m, starting, warming, active) // the machine has left warming when the waiter runs
				if err := <-result; err != nil || *got != warming {
					t.Errorf("got %v, %v", *got, err)
				}
				got, result = waits(context.Background(), m, idle)
				if err := m.Reset(context.Background(), "reset is a transition"); err != nil {
					t.Fatal(err)
				}
				if err := <-result; err != nil || *got != idle {
					t.Errorf("after a reset: %v, %v", *got, err)
				}
			})
		})
	}
}

func TestWaitReturnsAfterTheHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.After(open.pass)))
		_, result := waits(context.Background(), m, starting)
		changed := start(func() error { return m.Transition(context.Background(), starting) })
		select {
		case <-result:
			t.Error("Wait returned before the hooks have run")
		default:
		}
		if _, late := waits(context.Background(), m, starting); <-late != nil {
			t.Error("Wait failed although the machine is in the state")
		}
		open <- errBoom
		if err := <-changed; err == nil {
			t.Error("the transition succeeded although its hook failed")
		}
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}

func TestWaitReturnsIfAHookPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(with(t, fsm.After(func(context.Context, transition) error { panic(errBoom) })))
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

func TestWaitFailsOnEndedContextUnknownStateAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(lifecycle)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, err := m.Wait(ctx, active, stopped)
		if want := "waiting for active, stopped in idle: context deadline exceeded"; !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
			t.Errorf("got %v, want %v", err, want)
		}
		if s, err := m.Wait(ctx, idle); err != nil || s != idle {
			t.Errorf("a wait for the present state with an ended context: %v", err)
		}
		if _, err := m.Wait(ctx, active); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if _, err := m.Wait(context.Background(), "bogus"); !errors.Is(err, fsm.ErrUnknownState) {
			t.Errorf("unknown state: %v", err)
		}
		if _, err := m.Wait(context.Background()); !errors.Is(err, fsm.ErrUnknownState) {
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

// collect ranges over a subscription in a goroutine.
func collect(transitions func(func(transition, error) bool)) (got *[]state, result <-chan error) {
	got = new([]state)
	return got, start(func() error {
		for tr, err := range transitions {
			if err != nil {
				return err
			}
			*got = append(*got, tr.To)
		}
		return nil
	})
}

func TestSubscriberGetsEveryTransitionInOrder(t *testing.T) {
	for name, rules := range map[string][]stateRule{"plain": nil, "hooked": {fsm.After(failsWith(nil))}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := fsm.New(with(t, append(rules, fsm.On(stop, fsm.From(active), stopping))...))
				walk(t, m, starting)
				ctx, cancel := context.WithCancelCause(context.Background())
				got, result := collect(m.Subscribe(ctx, 8))
				walk(t, m, warming, active)
				_ = m.Transition(ctx, idle) // refused, so no transition
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
					t.Errorf("transitions (-want +got):\n%s", diff)
				}
				walk(t, m, warming)
			})
		})
	}
}

func TestSubscriberGetsTheWholeTransition(t *testing.T) {
	m := fsm.New(lifecycle)
	transitions := m.Subscribe(context.Background(), 1)
	if err := m.TransitionWithCause(context.Background(), starting, "why"); err != nil {
		t.Fatal(err)
	}
	for tr, err := range transitions {
		if diff := cmp.Diff(m.History()[0], tr); diff != "" || err != nil {
			t.Errorf("error %v (-history +subscriber):\n%s", err, diff)
		}
		break
	}
	for _, err := range transitions {
		if err == nil {
			t.Error("the subscription yields after its loop ended")
		}
	}
}

func TestSlowSubscriberGetsItsBufferAndAnError(t *testing.T) {
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
			t.Errorf("transitions (-want +got):\n%s", diff)
		}
		_ = m.Close(context.Background())
		if err := <-result; !errors.Is(err, fsm.ErrClosed) || !slices.Equal(*fast, []state{starting, warming, active, stopping}) {
			t.Errorf("the fast subscriber got %v, %v", *fast, err)
		}
		late, ended := collect(m.Subscribe(context.Background(), 1))
		if err := <-ended; !errors.Is(err, fsm.ErrClosed) || *late != nil {
			t.Errorf("closed before: %v, %v", *late, err)
		}
	})
}

// A subscription that begins in a hook does not get the transition of that hook.
func TestSubscriptionBeginsWithTheNextTransition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var got *[]state
		var result <-chan error
		m = fsm.New(with(t, fsm.OnEntry(starting, func(context.Context, transition) error {
			got, result = collect(m.Subscribe(context.Background(), 4))
			return nil
		})))
		m.Subscribe(t.Context(), 9) // without an earlier subscriber the transition would notify none
		walk(t, m, starting, warming)
		_ = m.Close(context.Background())
		if err := <-result; !errors.Is(err, fsm.ErrClosed) {
			t.Error(err)
		}
		if diff := cmp.Diff([]state{warming}, *got); diff != "" {
			t.Errorf("transitions (-want +got):\n%s", diff)
		}
	})
}

// Subscriptions end after the transition in progress, and get that transition, even if the
// context of Close ends first.
func TestSubscriberGetsTheLastTransitionBeforeClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.Before(open.pass)))
		got, result := collect(m.Subscribe(context.Background(), 4))
		changed := start(func() error { return m.Transition(context.Background(), starting) })
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := m.Close(ended); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		open <- nil
		if err := errors.Join(<-changed); err != nil {
			t.Error(err)
		}
		if err := <-result; !errors.Is(err, fsm.ErrClosed) || !slices.Equal(*got, []state{starting}) {
			t.Errorf("got %v, %v", *got, err)
		}
	})
}

func TestSubscribePanicsWithoutABuffer(t *testing.T) {
	defer func() {
		if got := recover(); got != "fsm: Subscribe(0): must have room for one" {
			t.Errorf("panicked with %v", got)
		}
	}()
	fsm.New(lifecycle).Subscribe(context.Background(), 0)
}

// readingContext is a context whose methods read a machine.
type readingContext struct {
	context.Context
	m *fsm.Machine[state]
}

func (c readingContext) Done() <-chan struct{} {
	c.m.History()
	return c.Context.Done()
}

func (c readingContext) Err() error {
	c.m.History()
	return c.Context.Err()
}

// The methods of a context are called with the mutex open.
func TestContextOfAWatcherMayReadTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(lifecycle)
		ctx, cancel := context.WithCancel(context.Background())
		reading := readingContext{ctx, m}
		news := m.Subscribe(reading, 1)
		_, result := waits(reading, m, active)
		cancel()
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("wait: got %v", err)
		}
		for _, err := range news {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("subscription: got %v", err)
			}
		}
		if _, err := m.Wait(reading, active); !errors.Is(err, context.Canceled) {
			t.Errorf("wait with an ended context: got %v", err)
		}
		for _, err := range m.Subscribe(reading, 1) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("subscription with an ended context: got %v", err)
			}
		}
	})
}
