package lease_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// A holder whose record an operator deletes learns of it at once where the store tells of
// deletes, and else at its next heartbeat.
func TestAForcedReleaseIsKnown(t *testing.T) {
	const later = ttl / 100
	for name, c := range map[string]struct {
		hide  func(*memstore.Store) store.Store
		after time.Duration // at most
	}{
		"at once":               {func(st *memstore.Store) store.Store { return st }, later},
		"at the next heartbeat": {func(st *memstore.Store) store.Store { return struct{ store.Store }{st} }, heartbeat},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := memstore.New()
				start := time.Now()
				k := keep(t, c.hide(st))
				held, other := acquire(t, k, "k"), acquire(t, k, "other")
				time.Sleep(later)
				if err := st.Delete(t.Context(), "k", store.ByToken(held.Token())); err != nil {
					t.Fatal(err)
				}
				if after := ended(held, start); after > c.after || !errors.Is(held.Err(), store.ErrLost) {
					t.Errorf("known after %v: %v", after, held.Err())
				}
				if lost := new(lease.LostError); !errors.As(held.Err(), &lost) || !lost.Deleted {
					t.Errorf("%v does not say that the record was deleted", held.Err())
				}
				if !other.Valid() {
					t.Errorf("another lease: %v", other.Err())
				}
			})
		})
	}
}

// slowToTell tells of deletes a moment later.
type slowToTell struct{ *memstore.Store }

func (s slowToTell) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for key := range s.Store.Deletions(ctx) {
			time.Sleep(time.Millisecond)
			if !yield(key) {
				return
			}
		}
	}
}

// The key goes to a waiter of the same keeper before the keeper hears of the delete.
func TestAForcedReleaseIsKnownThoughTheKeeperHasTheKeyAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		k := keep(t, slowToTell{st})
		held, done := acquire(t, k, "k"), waiter(t.Context(), k, "k")
		time.Sleep(heartbeat / 4)
		start := time.Now()
		if err := st.Delete(t.Context(), "k", store.ByToken(held.Token())); err != nil {
			t.Fatal(err)
		}
		if got := <-done; got.err != nil {
			t.Fatal(got.err)
		}
		if after := ended(held, start); after > ttl/100 {
			t.Errorf("known after %v: %v", after, held.Err())
		}
	})
}

// liar tells of a delete again and again that never was.
type liar struct {
	store.Store
	pause time.Duration
}

func (l liar) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		for ctx.Err() == nil && yield("k") {
			select {
			case <-ctx.Done():
			case <-time.After(l.pause):
			}
		}
	}
}

func TestAlertsAloneEndNoLeaseAndMakeFewHeartbeats(t *testing.T) {
	for _, pause := range []time.Duration{heartbeat / 10, time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			var beats atomic.Int32
			k := keep(t, liar{memstore.New(), pause}, func(c *lease.Config) { c.OnRenew = func(lease.RenewAttempt) { beats.Add(1) } })
			held := acquire(t, k, "k")
			time.Sleep(heartbeat / 2)
			if n := beats.Load(); n < 3 || n > 9 || !held.Valid() {
				t.Errorf("%d heartbeats; %v", n, held.Err())
			}
		})
	}
}

// forgetful tells once, at a moment, that it may have missed deletes, and of no delete.
type forgetful struct {
	store.Store
	at time.Duration
}

func (f forgetful) Deletions(ctx context.Context) iter.Seq[string] {
	return func(yield func(string) bool) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(f.at):
		}
		if yield("") {
			<-ctx.Done()
		}
	}
}

func TestMissedDeletesAreLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		const missed = heartbeat / 4
		k := keep(t, forgetful{st, missed})
		start := time.Now()
		held, other := acquire(t, k, "k"), acquire(t, k, "other")
		if err := st.Delete(t.Context(), "k", store.ByToken(held.Token())); err != nil {
			t.Fatal(err)
		}
		if after := ended(held, start); after > 2*missed || !errors.Is(held.Err(), store.ErrLost) {
			t.Errorf("known after %v: %v", after, held.Err())
		}
		if !other.Valid() {
			t.Errorf("another lease: %v", other.Err())
		}
	})
}

// The keeper hears of deletes from its making on: the record of its first lease may be deleted before
// any of its goroutines has run.
func TestTheDeleteOfTheFirstRecordIsHeard(t *testing.T) {
	for range 300 {
		st := memstore.New()
		k, err := lease.NewKeeper(st, lease.Config{TTL: time.Hour, Heartbeat: 30 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		l, err := k.Acquire(t.Context(), "key", []byte("ours"))
		if err != nil {
			t.Fatal(err)
		}
		if err := st.Delete(t.Context(), "key", store.ByToken(l.Token())); err != nil {
			t.Fatal(err)
		}
		select {
		case <-l.Done():
		case <-time.After(time.Minute):
			t.Fatal("the loss was not noticed")
		}
		k.Close(t.Context())
		st.Close()
	}
}
