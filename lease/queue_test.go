package lease_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestWaitersOfAKeyShareOneWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const waiters = 300
		p := teststore.New()
		first := acquire(t, keep(t, p), "k")
		k := keep(t, p)
		var done sync.WaitGroup
		for range waiters {
			done.Go(func() {
				held, err := k.Acquire(context.Background(), "k", []byte("v"), lease.WithWait())
				if err != nil {
					t.Error(err)
					return
				}
				_ = held.Release(context.Background())
			})
			synctest.Wait()
		}
		_ = first.Release(t.Context())
		done.Wait()
		if n := len(p.Sent(teststore.Watch)); n != 1 {
			t.Errorf("%d watches for %d waiters", n, waiters)
		}
		// One that finds the key held, and one for each handover. A waiter may be told of
		// a release that another has already used.
		if n := len(p.Sent(teststore.Create)); n > 2*waiters+2 {
			t.Errorf("%d creates for %d waiters", n, waiters)
		}
	})
}

func TestHandoverCostsAsManyRequestsAsThereAreHandovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		first := acquire(t, keep(t, p), "k")
		k := keep(t, p)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var waiting []<-chan outcome
		for range 300 {
			waiting = append(waiting, waiter(ctx, k, "k"))
			synctest.Wait()
		}
		before := len(p.Sent(teststore.Create, teststore.Watch))
		_ = first.Release(t.Context())
		synctest.Wait()
		if n := len(p.Sent(teststore.Create, teststore.Watch)) - before; n != 1 || len(waiting[0]) != 1 {
			t.Errorf("%d requests for one handover to the first of 300 waiters", n)
		}
	})
}

// scripted is a store whose watches yield what the test says.
type scripted struct {
	store.Store
	events chan store.Event
}

func (s scripted) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-s.events:
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

// A watch may miss a record that came and went between two of its reads: it then says that
// the one before is gone, and nothing of the one that a waiter met.
func TestWaiterHearsOfTheEndOfARecordThatItsWatchMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := scripted{memstore.New(), make(chan store.Event)}
		others := keep(t, st.Store)
		first := acquire(t, others, "k")
		k := keep(t, st)
		waiting := waiter(t.Context(), k, "k")
		synctest.Wait()
		seen := store.Record{Key: "k", Token: first.Token(), Value: []byte("v"), Left: time.Minute}
		st.events <- store.Event{Kind: store.EventPut, Record: seen}
		st.events <- store.Event{Kind: store.EventSynced}

		_ = first.Release(t.Context())
		second := acquire(t, others, "k")
		never := lease.WithReclaim(func(store.Record) bool { return false })
		go k.Acquire(t.Context(), "k", []byte("v"), lease.WithWait(), never) // tries, and meets the second
		synctest.Wait()
		_ = second.Release(t.Context())
		st.events <- store.Event{Kind: store.EventGone, Record: store.Record{Key: "k", Token: first.Token()}}
		synctest.Wait()
		if len(waiting) != 1 {
			t.Error("the waiter does not have the free key")
		}
	})
}

func TestWaitersGetTheKeyInTheOrderInWhichTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k")
		k := keep(t, st)
		var order []int
		var done sync.WaitGroup
		for i := range 50 {
			done.Go(func() {
				held := acquire(t, k, "k", lease.WithWait())
				order = append(order, i)
				time.Sleep(time.Second)
				_ = held.Release(context.Background())
			})
			synctest.Wait()
		}
		_ = first.Release(t.Context())
		done.Wait()
		if !slices.IsSorted(order) || len(order) != 50 {
			t.Errorf("%v", order)
		}
	})
}

func TestCancelledWaiterCostsTheOthersNothing(t *testing.T) {
	for _, late := range []bool{false, true} { // also one that has been told to try
		synctest.Test(t, func(t *testing.T) {
			p := teststore.New()
			first := acquire(t, keep(t, p), "k")
			k := keep(t, p)
			var waiting []<-chan outcome
			var cancels []context.CancelFunc
			for range 10 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				cancels = append(cancels, cancel)
				waiting = append(waiting, waiter(ctx, k, "k"))
				synctest.Wait()
			}
			if late {
				p.Inject(teststore.Once(teststore.Silence), teststore.Create)
				_ = first.Release(t.Context())
				synctest.Wait()
			}
			for i := range 9 {
				cancels[i]()
			}
			synctest.Wait()
			start := time.Now()
			_ = first.Release(t.Context())
			got := <-waiting[9]
			if got.err != nil || time.Since(start) != 0 {
				t.Errorf("late %v: %v after %v", late, got.err, time.Since(start))
			}
			for _, w := range waiting[:9] {
				if got := <-w; !errors.Is(got.err, context.Canceled) {
					t.Errorf("%+v", got)
				}
			}
		})
	}
}

// The value of the first waiter hangs when it is told that the key is free.
func TestWaiterThatHangsInACallbackDoesNotHoldUpTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k")
		k := keep(t, st)
		resume := make(chan struct{})
		var calls atomic.Int32
		hung := waiter(t.Context(), k, "k", lease.WithValueFunc(func() ([]byte, error) {
			if calls.Add(1) > 1 {
				<-resume
			}
			return []byte("v"), nil
		}))
		synctest.Wait()
		second := waiter(t.Context(), k, "k")
		synctest.Wait()
		_ = first.Release(t.Context())
		got := <-second
		if got.err != nil || got.after > heartbeat || calls.Load() != 2 {
			t.Fatalf("%+v, %d values made", got, calls.Load())
		}
		close(resume)
		synctest.Wait()
		_ = got.held.Release(t.Context())
		if got := <-hung; got.err != nil {
			t.Error(got.err)
		}
	})
}

func TestWaitersThatComeAndGoLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		acquire(t, keep(t, st), "k")
		k := keep(t, st)
		synctest.Wait()
		before := runtime.NumGoroutine()
		for round := range 20 {
			var waiting []<-chan outcome
			ctx, cancel := context.WithCancel(t.Context())
			for i := range 1000 {
				waiting = append(waiting, waiter(ctx, k, fmt.Sprint("k", []string{"", "2"}[i%2*(round%2)])))
			}
			synctest.Wait()
			cancel()
			for _, w := range waiting {
				if got := <-w; got.held != nil {
					_ = got.held.Release(context.Background())
				}
			}
		}
		synctest.Wait()
		if after := runtime.NumGoroutine(); after > before+3 { // the process has others
			t.Errorf("%d goroutines, %d before", after, before)
		}
	})
}
