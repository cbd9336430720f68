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

// gate is a before hook that blocks. Each send lets one transition pass or fail.
type gate chan error

func (g gate) pass(context.Context, transition) error { return <-g }

// start runs a change in a goroutine and returns once it has ended or blocks.
func start(change func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- change() }()
	synctest.Wait()
	return result
}

func TestWaitingCallsRunInOrderAndGetTheirOwnResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.Before(open.pass)))
		var results []<-chan error
		for i, to := range []state{starting, active, warming, idle} { // the second is not in the table at its turn
			results = append(results, start(func() error {
				return m.TransitionWithCause(context.Background(), to, fmt.Sprint(i))
			}))
		}
		for _, answer := range []error{nil, nil, errBoom} {
			open <- answer
		}
		if err := <-results[0]; err != nil {
			t.Error(err)
		}
		wantRefusal(t, <-results[1], fsm.PhaseTable, fsm.ErrInvalidTransition)
		if err := <-results[2]; err != nil {
			t.Error(err)
		}
		wantRefusal(t, <-results[3], fsm.PhaseBefore, errBoom)
		wantState(t, m, warming, 2)
	})
}

func TestWaitingCallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.Before(open.pass)))
		first := start(func() error { return m.Transition(context.Background(), starting) })
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		cancelled := start(func() error { return m.Transition(ctx, warming) })
		last := start(func() error { return m.Transition(context.Background(), stopping) })

		err := <-cancelled // its time runs out while the first call is in its hook
		wantRefusal(t, err, fsm.PhaseTurn, context.DeadlineExceeded)
		if want := "idle -> warming: waiting for its turn: context deadline exceeded"; err.Error() != want {
			t.Errorf("got %q, want %q", err, want)
		}
		open <- nil
		open <- nil
		if err := errors.Join(<-first, <-last); err != nil {
			t.Error(err)
		}
		wantState(t, m, stopping, 2)
	})
}

// The turn may be given to a waiting call while the context of that call ends. The call then
// either takes the turn or gives it to the next call. If the turn is lost, the last call of
// this test hangs.
func TestTurnGivenToACancelledCallIsNotLost(t *testing.T) {
	for range 2000 {
		synctest.Test(t, func(t *testing.T) {
			open := make(gate)
			m := fsm.New(with(t, fsm.Before(open.pass)))
			first := start(func() error { return m.Transition(context.Background(), starting) })
			ctx, cancel := context.WithCancel(context.Background())
			waiter := start(func() error { return m.Transition(ctx, active) })
			go cancel()
			open <- nil
			<-first
			<-waiter
			close(open)
			walk(t, m, warming)
		})
	}
}

func TestEndedContextIsRefusedEvenIfTheTurnIsFree(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errBoom)
	m := fsm.New(lifecycle)
	wantRefusal(t, m.Transition(ctx, starting), fsm.PhaseTurn, context.Canceled)
	wantRefusal(t, m.Transition(ctx, starting), fsm.PhaseTurn, errBoom)
	wantRefusal(t, m.Reset(ctx, "try"), fsm.PhaseTurn, errBoom)
	if err := m.Detach(ctx); !errors.Is(err, errBoom) {
		t.Errorf("detach: %v", err)
	}
	wantState(t, m, idle, 0)
}

func TestHookThatDoesNotReturnLeavesTheMachineUsable(t *testing.T) {
	places := map[string]struct {
		rule func(hook) stateRule
		want state
	}{
		"guard":      {func(c hook) stateRule { return fsm.Guard(starting, "g", c) }, idle},
		"before":     {fsm.Before[state], idle},
		"encode":     {encodeBy, idle},
		"exit":       {func(c hook) stateRule { return fsm.OnExit(idle, c) }, starting},
		"enter":      {func(c hook) stateRule { return fsm.OnEntry(starting, c) }, starting},
		"after":      {fsm.After[state], starting},
		"edge":       {func(c hook) stateRule { return fsm.OnEdge(idle, starting, c) }, starting},
		"edge guard": {func(c hook) stateRule { return fsm.GuardEdge(idle, starting, "g", c) }, idle},
		"finally": {func(c hook) stateRule {
			return fsm.Finally(func(ctx context.Context, tr transition, _ error) { _ = c(ctx, tr) })
		}, starting},
	}
	ways := map[string]func(){"panic": func() { panic(errBoom) }, "goexit": runtime.Goexit}
	for place, test := range places {
		for way, leave := range ways {
			t.Run(place+" "+way, func(t *testing.T) { leaveFrom(t, test.rule, leave, test.want) })
		}
	}
}

// encodeBy returns an Encode rule that runs a hook.
func encodeBy(c hook) stateRule {
	return fsm.Encode(func(_ context.Context, s fsm.Snapshot[state]) ([]byte, error) {
		return []byte("value"), c(context.Background(), transition{})
	})
}

// leaveFrom ends the first transition by a panic or Goexit in one rule while a second call
// waits, and checks that the second call succeeds.
func leaveFrom(t *testing.T, rule func(hook) stateRule, leave func(), want state) {
	synctest.Test(t, func(t *testing.T) {
		held, open, first := newLease(), make(chan struct{}), true
		m := fsm.New(with(t, rule(func(context.Context, transition) error {
			if first {
				first = false
				<-open
				leave()
			}
			return nil
		})), fsm.WithWriter(held))

		ended := make(chan any)
		go func() {
			defer func() { ended <- recover() }()
			_ = m.Transition(context.Background(), starting)
			t.Error("the transition returned")
		}()
		synctest.Wait()
		next := start(func() error { return m.Reset(context.Background(), "next in line") })
		close(open)

		if reason := <-ended; reason != nil && reason != errBoom {
			t.Errorf("the caller got the panic %v", reason)
		}
		if err := <-next; err != nil {
			t.Error(err)
		}
		past := m.History()
		if got := past[len(past)-1].From; got != want {
			t.Errorf("the first transition left the machine in %v, want %v", got, want)
		}
		walk(t, m, starting)
	})
}

func TestCloseRefusesEveryChange(t *testing.T) {
	m := fsm.New(lifecycle)
	walk(t, m, starting)
	before := m.Snapshot()
	for range 2 {
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	wantRefusal(t, m.Transition(context.Background(), warming), fsm.PhaseTurn, fsm.ErrClosed)
	wantRefusal(t, m.Reset(context.Background(), "try"), fsm.PhaseTurn, fsm.ErrClosed)
	if err := m.Detach(context.Background()); !errors.Is(err, fsm.ErrClosed) {
		t.Errorf("detach: %v", err)
	}
	if diff := cmp.Diff(before, m.Snapshot()); diff != "" || !m.Can(warming) {
		t.Errorf("snapshot of the closed machine differs (-before +after):\n%s", diff)
	}
}

func TestCloseWaitsForTheTransitionInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := make(gate)
		m := fsm.New(with(t, fsm.Before(open.pass)))
		running := start(func() error { return m.Transition(context.Background(), starting) })
		waiting := start(func() error { return m.Transition(context.Background(), warming) })

		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := m.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("close with a hook in progress: %v", err)
		}
		closing := start(func() error { return m.Close(context.Background()) })
		select {
		case err := <-closing:
			t.Errorf("close did not wait: %v", err)
		default:
		}
		open <- nil
		if err := errors.Join(<-running, <-closing); err != nil {
			t.Error(err)
		}
		wantRefusal(t, <-waiting, fsm.PhaseTurn, fsm.ErrClosed)
		wantState(t, m, starting, 1)
	})
}

func TestCloseWithoutAChangeIgnoresItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := fsm.New(lifecycle).Close(ctx); err != nil {
		t.Error(err)
	}
}

// A plain machine makes its run-time state only when a call has to wait, which may be while
// Close returns.
func TestClosingAPlainMachineRacesWithNothing(t *testing.T) {
	for range 50 {
		m := fsm.New(lifecycle)
		var calls sync.WaitGroup
		calls.Go(func() { _ = m.Close(context.Background()) })
		calls.Go(func() { _ = m.Transition(context.Background(), starting) })
		calls.Go(func() { _, _ = m.PermittedEvents(context.Background()) })
		calls.Go(func() {
			for range m.Subscribe(context.Background(), 1) {
				break
			}
		})
		calls.Wait()
	}
}
