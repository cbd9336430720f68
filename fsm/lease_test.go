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

// lost returns the error of a lost lease.
func lost() error {
	return &lease.LostError{Key: "job", Token: 7, Cause: store.ErrLost}
}

func TestMachineMovesOnlyAfterItsNewStateIsStored(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held), fsm.WithHistory(2))
	var cached state
	for i, to := range []state{starting, warming, active} {
		held.wrote = func() { cached = m.State() }
		from := m.State()
		walk(t, m, to)
		if cached != from {
			t.Errorf("the machine is in %v while the write of %v is under way", cached, to)
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

// wantStored checks that the stored value is the snapshot of the machine.
func wantStored(t *testing.T, held *scriptedLease, m *fsm.Machine[state]) {
	t.Helper()
	var stored fsm.Snapshot[state]
	if err := json.Unmarshal(held.value, &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Snapshot(), stored); diff != "" {
		t.Errorf("machine and store differ (-machine +store):\n%s", diff)
	}
}

// A heartbeat after the write must see the new state.
func TestCommitComesBeforeWriteReturns(t *testing.T) {
	held := newLease()
	after := &returning{scriptedLease: held}
	m := fsm.New(lifecycle, fsm.WithWriter(after))
	after.check = func() { wantState(t, m, starting, 1) }
	walk(t, m, starting)
}

// returning calls check when Write returns.
type returning struct {
	*scriptedLease
	check func()
}

func (r *returning) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	defer r.check()
	return r.scriptedLease.Write(ctx, encode, commit)
}

func TestEncodeRuleMakesTheStoredValue(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.Encode(func(_ context.Context, s fsm.Snapshot[state]) ([]byte, error) {
		return []byte(s.State + "!"), nil
	})), fsm.WithWriter(held))
	walk(t, m, starting)
	if got := string(held.value); got != "starting!" {
		t.Errorf("stored %q", got)
	}
}

func TestFailedWriteLeavesNoTrace(t *testing.T) {
	for _, cause := range []error{lost(), store.ErrUnavailable, store.ErrInDoubt, lease.ErrReleased, context.DeadlineExceeded} {
		t.Run(cause.Error(), func(t *testing.T) {
			held := newLease()
			m := fsm.New(with(t, fsm.After(func(context.Context, transition) error {
				t.Error("a hook ran after a failed write")
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

func TestNextChangeSucceedsAfterAWriteInDoubt(t *testing.T) {
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

func TestFailedEncodeRefuses(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.Encode(func(context.Context, fsm.Snapshot[state]) ([]byte, error) { return nil, errBoom })), fsm.WithWriter(held))
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseWrite, errBoom)
	wantState(t, m, idle, 0)
}

func TestEndedLeaseRefusesBeforeTableAndGuards(t *testing.T) {
	tests := map[string]struct {
		end  func(*scriptedLease)
		want error
	}{
		"lost":                      {func(l *scriptedLease) { l.end(lost()) }, store.ErrLost},
		"released":                  {func(l *scriptedLease) { l.end(lease.ErrReleased) }, lease.ErrReleased},
		"expired, wraps ErrLost":    {(*scriptedLease).expire, store.ErrLost},
		"expired, wraps ErrExpired": {(*scriptedLease).expire, lease.ErrExpired},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			held := newLease()
			m := fsm.New(with(t, fsm.Guard(starting, "g", func(context.Context, transition) error {
				t.Error("a guard ran")
				return nil
			})), fsm.WithWriter(held))
			test.end(held)
			for _, to := range []state{starting, active} { // the first is in the table
				wantRefusal(t, m.Transition(context.Background(), to), fsm.PhaseEnded, test.want)
			}
			wantRefusal(t, m.Reset(context.Background(), "try"), fsm.PhaseEnded, test.want)
			wantState(t, m, idle, 0)
			if writes, _ := held.counts(); writes != 0 {
				t.Errorf("%d writes", writes)
			}
		})
	}
}

func TestLeaseThatEndsDuringAGuardRefusesTheWrite(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.Guard(starting, "slow", func(context.Context, transition) error {
		held.end(lost())
		held.answer = lost
		return nil
	})), fsm.WithWriter(held))
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseWrite, store.ErrLost)
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseEnded, store.ErrLost)
	wantState(t, m, idle, 0)
}

func TestRefusedCallsAreNotWritten(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t,
		fsm.Guard(stopping, "g", failsWith(errBoom)),
		fsm.Before(func(_ context.Context, tr transition) error {
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
		t.Errorf("%d writes, want 1", writes)
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
		synctest.Wait() // the transition is in its write; a reader that waits now hangs the test

		wantState(t, m, idle, 0)
		if !m.Can(starting) || len(m.Next()) != 1 || len(m.History()) != 0 {
			t.Error("a reader sees a transition before its write succeeds")
		}
		close(confirm)
		if err := <-result; err != nil {
			t.Error(err)
		}
		wantState(t, m, starting, 1)
	})
}

func TestDetachFailsUntilTheLeaseHasEnded(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	walk(t, m, starting)
	err := m.Detach(context.Background())
	if want := `detach: writer has not ended`; !errors.Is(err, fsm.ErrAttached) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	walk(t, m, warming)

	held.end(lost())
	wantRefusal(t, m.Transition(context.Background(), stopping), fsm.PhaseEnded, store.ErrLost)
	for range 2 {
		if err := m.Detach(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	walk(t, m, stopping, stopped)
	wantState(t, m, stopped, 4)
	if writes, _ := held.counts(); writes != 2 {
		t.Errorf("%d writes, want 2: none after the lease was lost", writes)
	}
}

func TestDetachSucceedsAfterARelease(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	held.end(lease.ErrReleased)
	if err := m.Detach(context.Background()); err != nil {
		t.Fatal(err)
	}
	walk(t, m, starting)
}

func TestDetachWithoutAWriterDoesNothing(t *testing.T) {
	m := fsm.New(lifecycle)
	if err := m.Detach(context.Background()); err != nil {
		t.Error(err)
	}
	walk(t, m, starting)
}

func TestHooksRunAfterDetach(t *testing.T) {
	held, ran := newLease(), 0
	m := fsm.New(with(t, fsm.After(func(context.Context, transition) error { ran++; return nil })), fsm.WithWriter(held))
	held.end(lost())
	if err := m.Detach(context.Background()); err != nil {
		t.Fatal(err)
	}
	walk(t, m, starting)
	if ran != 1 {
		t.Errorf("%d hooks ran after detach, want 1", ran)
	}
}

// A subscriber of a machine with a lease gets only transitions that the store has confirmed.
func TestSubscriberGetsOnlyWrittenTransitions(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	limited, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	transitions := m.Subscribe(limited, 4)
	held.answer = func() error { return store.ErrInDoubt }
	wantRefusal(t, m.Transition(context.Background(), starting), fsm.PhaseWrite, store.ErrInDoubt)
	held.answer = nil
	if err := m.TransitionWithCause(context.Background(), starting, "again"); err != nil {
		t.Fatal(err)
	}
	for tr, err := range transitions {
		if err != nil || tr.Number != 1 || tr.Cause != "again" {
			t.Errorf("subscriber got %+v, %v", tr, err)
		}
		break
	}
}
