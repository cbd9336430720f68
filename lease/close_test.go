package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestCloseReleasesAllAndJoinsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
		st := memstore.New()
		k, err := lease.NewKeeper(st, lease.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var all []lease.Lease
		for i := range 100 {
			all = append(all, acquire(t, k, fmt.Sprint(i)))
		}
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for r := range st.List(t.Context(), "") {
			t.Errorf("left %+v", r)
		}
		for _, held := range all {
			if held.Valid() || !errors.Is(held.Err(), lease.ErrReleased) {
				t.Errorf("%s: valid %v, err %v", held.Key(), held.Valid(), held.Err())
			}
		}
	})
}

func TestClosedKeeperAcquiresNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		for range 2 { // the second has nothing to do
			if err := k.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		for _, opts := range [][]lease.Option{nil, {lease.WithWait()}} {
			if held, err := k.Acquire(t.Context(), "k", []byte("v"), opts...); held != nil || err != lease.ErrClosed {
				t.Errorf("%v, %v", held, err)
			}
		}
		if n := len(p.Sent(teststore.Create)); n != 0 {
			t.Errorf("%d creates", n)
		}
	})
}

func TestCloseIsSafeToCallAtOnceFromMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		p.Inject(teststore.Delay(0, time.Second), teststore.Delete)
		k := keep(t, p)
		held := acquire(t, k, "k")
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := k.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if value(t, p.Store, "k") != "" {
					t.Error("returned before the record was gone")
				}
			})
			wg.Go(func() { _ = held.Release(t.Context()) })
		}
		wg.Wait()
	})
}

// The keeper looks at its leases while the release is under way, more than once.
func TestCloseWaitsForReleasesUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		held := acquire(t, k, "k")
		p.Inject(func(ctx context.Context, call func(context.Context) error) error {
			time.Sleep(2 * heartbeat)
			return call(context.WithoutCancel(ctx))
		}, teststore.Delete)
		go held.Release(t.Context())
		time.Sleep(heartbeat + time.Second)
		if err := k.Close(t.Context()); err != nil || value(t, p.Store, "k") != "" {
			t.Errorf("%v, holds %q", err, value(t, p.Store, "k"))
		}
	})
}

func TestCloseEndsWaitingAcquires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		acquire(t, keep(t, st), "k")
		k := keep(t, st)
		var waiting []<-chan outcome
		for range 10 {
			waiting = append(waiting, waiter(t.Context(), k, "k"))
		}
		time.Sleep(time.Minute)
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait() // for goroutines to hand on what they were told
		for _, done := range waiting {
			select {
			case got := <-done:
				if got.held != nil || !errors.Is(got.err, lease.ErrClosed) {
					t.Errorf("%+v", got)
				}
			default:
				t.Error("Close did not join an Acquire")
			}
		}
	})
}

func TestCloseSettlesCreatesInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		p.Inject(teststore.LoseReply, teststore.Create)
		done := waiter(t.Context(), k, "k")
		time.Sleep(time.Second / 2) // within the first try
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := <-done; got.held != nil || !errors.Is(got.err, lease.ErrClosed) {
			t.Errorf("%+v", got)
		}
		if got := value(t, p.Store, "k"); got != "" {
			t.Errorf("left %q", got)
		}
	})
}

func TestCreateConfirmedWhileClosingIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		p.Inject(teststore.Delay(0, time.Second), teststore.Create)
		done := waiter(t.Context(), k, "k")
		synctest.Wait()
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if got := <-done; got.held != nil || got.err != lease.ErrClosed {
			t.Errorf("%+v", got)
		}
		if got := value(t, p.Store, "k"); got != "" {
			t.Errorf("left %q", got)
		}
	})
}

func TestCloseIsBoundedWhileTheStoreIsAway(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "silent": teststore.Silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				for i := range 100 {
					acquire(t, k, fmt.Sprint(i))
				}
				p.Inject(f, teststore.Create, teststore.Renew, teststore.Delete)
				waiter(t.Context(), k, "k") // and a create to settle
				time.Sleep(heartbeat)       // and renewals under way
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				start := time.Now()
				err := k.Close(ctx)
				if took := time.Since(start); took > grace {
					t.Errorf("took %v", took)
				}
				if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
					t.Error(err)
				}
			})
		})
	}
}

// OnLoss is still being told of the first loss when the second happens.
func TestCloseReportsLossesThatNobodyWasToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		reported := 0
		k := keep(t, p, func(c *lease.Config) {
			c.OnLoss = func(*lease.LostError) {
				time.Sleep(time.Second)
				reported++
			}
		})
		for range 2 {
			held := acquire(t, k, "k")
			_ = p.Store.Delete(t.Context(), "k", store.ByToken(held.Token()))
			if err := held.Update(t.Context(), []byte("v")); !errors.Is(err, store.ErrLost) {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		_ = k.Close(t.Context())
		if reported != 2 {
			t.Errorf("%d losses reported", reported)
		}
	})
}

func TestAcquiresAndClosesInAnyOrderLeaveNothing(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			st := memstore.New()
			k := keep(t, st)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					held, err := k.Acquire(t.Context(), fmt.Sprint(i%10), []byte("v"), lease.WithWait())
					if err != nil {
						if !errors.Is(err, lease.ErrClosed) {
							t.Error(err)
						}
						return
					}
					if i%3 == 0 {
						_ = held.Release(t.Context())
					}
				})
			}
			wg.Go(func() { _ = k.Close(t.Context()) })
			wg.Wait()
			for r := range st.List(t.Context(), "") {
				t.Errorf("left %+v", r)
			}
		})
	}
}
