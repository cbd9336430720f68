package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// grace is how long a release may take, by the documentation "a few seconds".
const grace = 5 * time.Second

func TestReleaseEndsTheLeaseAndDeletesTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		for range 3 { // again has the same answer, and asks nothing
			if err := held.Release(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if held.Valid() || !errors.Is(held.Err(), lease.ErrReleased) || value(t, p.Store, "k") != "" {
			t.Errorf("valid %v, err %v, holds %q", held.Valid(), held.Err(), value(t, p.Store, "k"))
		}
		if n := len(p.Sent(teststore.Delete)); n != 1 {
			t.Errorf("%d deletes", n)
		}
	})
}

func TestReleaseEndsTheLeaseBeforeItAsksTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(func(ctx context.Context, call func(context.Context) error) error {
			if held.Valid() {
				t.Error("still valid while the record is being deleted")
			}
			return call(ctx)
		}, teststore.Delete)
		_ = held.Release(t.Context())
	})
}

func TestReleaseWorksAfterItsContextWasCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		held := acquire(t, keep(t, st), "k")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := held.Release(ctx); err != nil || value(t, st, "k") != "" {
			t.Errorf("%v, holds %q", err, value(t, st, "k"))
		}
	})
}

func TestConcurrentReleasesDeleteOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Delay(0, time.Second), teststore.Delete)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if err := held.Release(t.Context()); err != nil {
					t.Error(err)
				}
				if value(t, p.Store, "k") != "" {
					t.Error("returned before the record was gone")
				}
			})
		}
		wg.Wait()
		if n := len(p.Sent(teststore.Delete)); n != 1 {
			t.Errorf("%d deletes", n)
		}
	})
}

func TestReleaseIsBoundedWhileTheStoreIsAway(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"refused": teststore.Refuse, "silent": teststore.Silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				held := acquire(t, keep(t, p), "k")
				p.Inject(f, teststore.Delete)
				start := time.Now()
				var wg sync.WaitGroup
				for i := range 5 {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * time.Second)
						err := held.Release(t.Context())
						if !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, store.ErrInDoubt) {
							t.Errorf("%v", err)
						}
						if took := time.Since(start) - time.Duration(i)*time.Second; took > grace {
							t.Errorf("took %v", took)
						}
					})
				}
				synctest.Wait()
				if held.Valid() || !errors.Is(held.Err(), lease.ErrReleased) {
					t.Errorf("valid %v, err %v", held.Valid(), held.Err())
				}
				wg.Wait()
				if n := len(p.Sent(teststore.Renew)); n != 0 {
					t.Errorf("%d renewals of a released lease", n)
				}
				p.Inject(nil, teststore.Delete)
				if err := held.Release(t.Context()); err != nil || value(t, p.Store, "k") != "" {
					t.Errorf("once the store is back: %v, holds %q", err, value(t, p.Store, "k"))
				}
			})
		})
	}
}

func TestReleaseIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Delete)
		time.AfterFunc(3*time.Second, func() { p.Inject(nil, teststore.Delete) })
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestReleaseAfterExpiryWritesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		<-held.Done()
		if err := held.Release(t.Context()); err != nil || len(p.Sent(teststore.Delete)) != 0 {
			t.Errorf("%v, sent %v", err, p.Sent(teststore.Delete))
		}
		if !errors.Is(held.Err(), lease.ErrExpired) {
			t.Errorf("the reason changed to %v", held.Err())
		}
	})
}

func TestReleaseNeverTouchesASuccessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		held := acquire(t, keep(t, p), "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(ttl)
		next := acquire(t, keep(t, p.Store), "k")
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if r, err := p.Store.Get(t.Context(), "k"); err != nil || r.Token != next.Token() {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestReleaseOfALeaseThatTheStoreEndedAsksNothing(t *testing.T) {
	for _, condition := range []error{store.ErrLost, store.ErrForeign} {
		t.Run(condition.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				held := acquire(t, keep(t, p), "k")
				p.Inject(func(context.Context, func(context.Context) error) error {
					return &store.Error{Op: "renew", Key: "k", Condition: condition}
				}, teststore.Renew)
				<-held.Done()
				if err := held.Release(t.Context()); err != nil || len(p.Sent(teststore.Delete)) != 0 {
					t.Errorf("%v, sent %v", err, p.Sent(teststore.Delete))
				}
				if !errors.Is(held.Err(), condition) {
					t.Errorf("the reason changed to %v", held.Err())
				}
			})
		})
	}
}

// A machine that was suspended may find that out in Release.
func TestReleaseOfALeaseThatIsOverIsStillALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := 0
		p := teststore.New()
		k := keep(t, p, func(c *lease.Config) {
			c.OnLoss = func(*lease.LostError) {
				reported++
				time.Sleep(window) // so that the other's end is not noticed by the keeper
			}
		})
		acquire(t, k, "k")
		time.Sleep(time.Millisecond)
		_ = p.Store.Delete(t.Context(), "k", store.ByToken(1))
		held := acquire(t, k, "k")
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(window + time.Second)
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
		if !errors.Is(held.Err(), lease.ErrExpired) {
			t.Errorf("ended as %v", held.Err())
		}
		time.Sleep(2 * window)
		synctest.Wait()
		if reported != 2 {
			t.Errorf("%d losses reported of 2", reported)
		}
	})
}

// A copy of a create that was repeated can come after the release, so the delete names the nonce.
func TestReleaseEndsEveryCopyOfARepeatedCreate(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *lease.Keeper, lease.Lease) error{
		"release": func(t *testing.T, _ *lease.Keeper, held lease.Lease) error { return held.Release(t.Context()) },
		"close":   func(t *testing.T, k *lease.Keeper, _ lease.Lease) error { return k.Close(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				p.Inject(teststore.Once(teststore.Drop), teststore.Create)
				held := acquire(t, k, "k")
				p.Inject(teststore.Once(teststore.Refuse), teststore.Delete)
				if err := end(t, k, held); err != nil {
					t.Fatal(err)
				}
				deletes := p.Sent(teststore.Delete)
				for _, r := range deletes {
					if r.Nonce != p.Sent(teststore.Create)[0].Nonce {
						t.Errorf("deleted by %+v, want the nonce of the create", r)
					}
				}
				if len(deletes) < 2 || value(t, p.Store, "k") != "" {
					t.Errorf("%d deletes, holds %q", len(deletes), value(t, p.Store, "k"))
				}
			})
		})
	}
}
