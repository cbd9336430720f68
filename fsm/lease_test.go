package fsm_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func lost() error {
	return &lease.LostError{Key: "job", Token: 7, Cause: store.ErrLost}
}

func TestWriteThroughStoresTheStateAfterTheTransition(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held), fsm.WithHistory(2))
	var cached state
	for i, to := range []state{starting, warming, active} {
		held.wrote = func() { cached = m.State() }
		from := m.State()
		walk(t, m, to)
		if cached != from {
			t.Errorf("in %v while %v was being written", cached, to)
		}
		if writes, commits := held.counts(); writes != i+1 || commits != i+1 {
			t.Errorf("%d writes and %d commits after %d transitions", writes, commits, i+1)
		}
		wantStored(t, held, m)
	}
	if err := m.Reset(context.Background(), "again"); err != nil {
		t.Fatal(err)
	}
	wantState(t, m, idle, 4)
	wantStored(t, held, m)
}

// wantStored checks that the store has exactly what the machine is.
func wantStored(t *testing.T, held *scripted, m *fsm.Machine[state]) {
	t.Helper()
	var stored fsm.Snapshot[state]
	if err := json.Unmarshal(held.value, &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Snapshot(), stored); diff != "" {
		t.Errorf("machine and store differ (-machine +store):\n%s", diff)
	}
}

// A heartbeat that is prepared right after a write must see the new state.
func TestCommitComesBeforeWriteReturns(t *testing.T) {
	held := newLease()
	after := &returning{Lease: held}
	m := fsm.New(lifecycle, fsm.WithWriter(after))
	after.check = func() { wantState(t, m, starting, 1) }
	walk(t, m, starting)
}

// returning looks at the moment at which Write returns.
type returning struct {
	lease.Lease
	check func()
}

func (r *returning) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	defer r.check()
	return r.Lease.Write(ctx, encode, commit)
}

func TestEncodeRuleMakesTheValue(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.Encode(func(s fsm.Snapshot[state]) ([]byte, error) {
		return []byte(s.State + "!"), nil
	})), fsm.WithWriter(held))
	walk(t, m, starting)
	if got := string(held.value); got != "starting!" {
		t.Errorf("stored %q", got)
	}
}

func TestRefusedWriteLeavesTheMachine(t *testing.T) {
	for _, cause := range []error{lost(), store.ErrUnavailable, store.ErrInDoubt, lease.ErrReleased, context.DeadlineExceeded} {
		t.Run(cause.Error(), func(t *testing.T) {
			held := newLease()
			m := fsm.New(with(t, fsm.After(func(context.Context, moved) error {
				t.Error("a hook ran for what was not written")
				return nil
			})), fsm.WithWriter(held))
			before := m.Snapshot()
			held.answer = func() error { return cause }
			for _, change := range []error{m.Transition(context.Background(), starting), m.Reset(context.Background(), "try")} {
				wantRefusal(t, change, fsm.PhaseWrite, cause)
			}
			if diff := cmp.Diff(before, m.Snapshot()); diff != "" {
				t.Errorf("left a trace (-before +after):\n%s", diff)
			}
			if _, commits := held.counts(); commits != 0 || held.value != nil {
				t.Errorf("%d commits, stored %q", commits, held.value)
			}
		})
	}
}

func TestMachineGoesOnAfterAWriteInDoubt(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	held.answer = func() error { return store.ErrInDoubt }
	err := m.Transition(context.Background(), starting)
	if want := "idle -> starting: write: outcome in doubt"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %v", err, want)
	}
	held.answer = nil
	walk(t, m, starting)
	wantState(t, m, starting, 1)
	wantStored(t, held, m)
}

func TestFailingEncodeRefuses(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.Encode(func(fsm.Snapshot[state]) ([]byte, error) { return nil, errBoom })), fsm.WithWriter(held))
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseWrite, errBoom)
	wantState(t, m, idle, 0)
}

func TestEndedTermRefusesBeforeAnythingElse(t *testing.T) {
	tests := map[string]struct {
		end  func(*scripted)
		want error
	}{
		"lost":                    {func(l *scripted) { l.end(lost()) }, store.ErrLost},
		"released":                {func(l *scripted) { l.end(lease.ErrReleased) }, lease.ErrReleased},
		"clocks ahead of timer":   {(*scripted).expire, store.ErrLost},
		"which is said to expire": {(*scripted).expire, lease.ErrExpired},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			held := newLease()
			m := fsm.New(with(t, fsm.Guard(starting, "g", func(context.Context, moved) error {
				t.Error("a guard was asked")
				return nil
			})), fsm.WithWriter(held))
			test.end(held)
			for _, to := range []state{starting, active} { // one that the table has, one that it has not
				wantRefusal(t, m.Transition(context.Background(), to), fsm.PhaseLease, test.want)
			}
			wantRefusal(t, m.Reset(context.Background(), "try"), fsm.PhaseLease, test.want)
			wantState(t, m, idle, 0)
			if writes, _ := held.counts(); writes != 0 {
				t.Errorf("%d writes", writes)
			}
		})
	}
}

func TestTermThatEndsDuringAGuard(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.Guard(starting, "slow", func(context.Context, moved) error {
		held.end(lost())
		held.answer = lost
		return nil
	})), fsm.WithWriter(held))
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseWrite, store.ErrLost)
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseLease, store.ErrLost)
	wantState(t, m, idle, 0)
}

func TestRejectedCallsNeverReachTheLease(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t,
		fsm.Guard(stopping, "g", returns(errBoom)),
		fsm.Before(func(_ context.Context, tr moved) error {
			if tr.To == idle {
				return errBoom
			}
			return nil
		})), fsm.WithWriter(held))
	walk(t, m, starting)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	wantRefusal(t, m.Transition(ended, warming), fsm.PhaseTurn, context.Canceled)
	wantRefusal(t, m.Transition(context.Background(), active), fsm.PhaseTable, fsm.ErrInvalidTransition)
	wantRefusal(t, m.Transition(context.Background(), stopping), fsm.PhaseGuard, errBoom)
	wantRefusal(t, m.Transition(context.Background(), idle), fsm.PhaseBefore, errBoom)
	if writes, _ := held.counts(); writes != 1 {
		t.Errorf("%d writes, want the one that was accepted", writes)
	}
	wantStored(t, held, m)
}

func TestReadersDoNotWaitForAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := newLease()
		m := fsm.New(lifecycle, fsm.WithWriter(held))
		confirm := make(chan struct{})
		held.answer = func() error { <-confirm; return nil }
		result := make(chan error)
		go func() { result <- m.Transition(context.Background(), starting) }()
		synctest.Wait() // it is in the write; a reader that waited now would hang the test

		wantState(t, m, idle, 0)
		if !m.Can(starting) || len(m.Next()) != 1 || len(m.History()) != 0 {
			t.Error("readers see a transition that is not confirmed")
		}
		close(confirm)
		if err := <-result; err != nil {
			t.Error(err)
		}
		wantState(t, m, starting, 1)
	})
}

func TestDetachOnlyOnceTheTermHasEnded(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	walk(t, m, starting)
	err := m.Detach(context.Background())
	if want := `detach from "job" (token 7): the lease is still held`; !errors.Is(err, fsm.ErrAttached) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	walk(t, m, warming)

	held.end(lost())
	wantRefusal(t, m.Transition(context.Background(), stopping), fsm.PhaseLease, store.ErrLost)
	for range 2 {
		if err := m.Detach(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	walk(t, m, stopping, stopped)
	wantState(t, m, stopped, 4)
	if writes, _ := held.counts(); writes != 2 {
		t.Errorf("%d writes, want none after the loss", writes)
	}
}

func TestDetachAfterARelease(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	if err := held.Release(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := m.Detach(context.Background()); err != nil {
		t.Fatal(err)
	}
	walk(t, m, starting)
}

func TestDetachWithoutALeaseDoesNothing(t *testing.T) {
	m := fsm.New(lifecycle)
	if err := m.Detach(context.Background()); err != nil {
		t.Error(err)
	}
	walk(t, m, starting)
}

func TestHooksRunOnAfterDetach(t *testing.T) {
	held, ran := newLease(), 0
	m := fsm.New(with(t, fsm.After(func(context.Context, moved) error { ran++; return nil })), fsm.WithWriter(held))
	held.end(lost())
	if err := m.Detach(context.Background()); err != nil {
		t.Fatal(err)
	}
	walk(t, m, starting)
	if ran != 1 {
		t.Errorf("%d hooks ran after detach, want 1", ran)
	}
}

// Watchers of a machine on a lease are told of what the store has confirmed, and of
// nothing else.
func TestWatchersOfALeasedMachine(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	steps := m.Subscribe(limited, 4)
	held.answer = func() error { return store.ErrInDoubt }
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseWrite, store.ErrInDoubt)
	held.answer = nil
	if err := m.TransitionWithCause(context.Background(), starting, "again"); err != nil {
		t.Fatal(err)
	}
	for tr, err := range steps {
		if err != nil || tr.Number != 1 || tr.Cause != "again" {
			t.Errorf("told of %+v, %v", tr, err)
		}
		break
	}
}
