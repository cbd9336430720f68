package lease_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestAcquireCreatesTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		held := acquire(t, keep(t, st), "k")
		r, err := st.Get(t.Context(), "k")
		if err != nil || r.Token != held.Token() || string(r.Value) != "first" || r.Left != ttl {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func TestAcquireOfAHeldKeyFailsAtOnceWithTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		held := acquire(t, keep(t, st), "k")
		time.Sleep(time.Second)
		start := time.Now()
		other, err := keep(t, st).Acquire(t.Context(), "k", []byte("mine"))
		var got *store.HeldError
		if other != nil || !errors.As(err, &got) || time.Since(start) != 0 {
			t.Fatalf("%v, %v after %v", other, err, time.Since(start))
		}
		if r := got.Record; r.Token != held.Token() || string(r.Value) != "first" || r.Left != ttl-time.Second {
			t.Errorf("%+v", r)
		}
	})
}

func TestAcquireRefusesWhatBreaksARule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, memstore.New())
		for name, c := range map[string]struct{ key, value string }{
			"empty key":       {"", "v"},
			"over-long key":   {strings.Repeat("k", store.MaxKey+1), "v"},
			"reserved key":    {store.Reserved + "k", "v"},
			"invalid UTF-8":   {"k\xff", "v"},
			"empty value":     {"k", ""},
			"oversized value": {"k", strings.Repeat("v", store.MaxValue+1)},
		} {
			var invalid *store.InvalidError
			for _, opts := range [][]lease.Option{nil, {lease.WithWait()}} {
				if held, err := k.Acquire(t.Context(), c.key, []byte(c.value), opts...); held != nil || !errors.As(err, &invalid) {
					t.Errorf("%s: %v, %v", name, held, err)
				}
			}
		}
	})
}

func TestAcquirePassesOnWhatTheStoreSays(t *testing.T) {
	for _, condition := range []error{store.ErrUnavailable, store.ErrForeign, store.ErrClosed, store.ErrEnded} {
		t.Run(condition.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				said := &store.Error{Op: "create", Key: "k", Condition: condition}
				p.Inject(func(context.Context, func(context.Context) error) error { return said }, teststore.Create)
				held, err := keep(t, p).Acquire(t.Context(), "k", []byte("v"))
				if held != nil || err != said {
					t.Errorf("%v, %v", held, err)
				}
				if n := len(p.Sent(teststore.Create, teststore.Delete)); n != 1 {
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestCreateInDoubtIsRepeatedWithItsNonce(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"reply lost": teststore.LoseReply, "request lost": teststore.Silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				p.Inject(teststore.Once(f), teststore.Create)
				held := acquire(t, keep(t, p), "k")
				tries := p.Sent(teststore.Create)
				if len(tries) != 2 || tries[0].Nonce != tries[1].Nonce {
					t.Errorf("%+v", tries)
				}
				if held.Token() != 1 || len(p.Sent(teststore.Delete)) != 0 {
					t.Errorf("token %d, deletes %v", held.Token(), p.Sent(teststore.Delete))
				}
				time.Sleep(10 * ttl)
				if !held.Valid() {
					t.Error(held.Err())
				}
			})
		})
	}
}

func TestCreateThatStaysInDoubtIsDeletedByItsNonce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		p.Inject(teststore.LoseReply, teststore.Create)
		p.Inject(teststore.Once(teststore.Refuse), teststore.Delete)
		held, err := k.Acquire(t.Context(), "k", []byte("v"))
		if held != nil || !errors.Is(err, store.ErrInDoubt) {
			t.Fatalf("%v, %v", held, err)
		}
		if value(t, p.Store, "k") == "" {
			t.Fatal("the test's store lost more than the reply")
		}
		time.Sleep(time.Second) // less than the ttl by far
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "" {
			t.Errorf("still holds %q", got)
		}
		for _, r := range p.Sent(teststore.Delete) {
			if r.Nonce != p.Sent(teststore.Create)[0].Nonce {
				t.Errorf("deleted by %+v", r)
			}
		}
		p.Inject(nil, teststore.Create)
		acquire(t, k, "k")
	})
}

// That a later try did nothing says nothing of the one before it.
func TestCreateInDoubtIsSettledWhenALaterTryIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		p.Inject(teststore.Sequence(teststore.DropReply, teststore.Refuse), teststore.Create)
		_, err := keep(t, p).Acquire(t.Context(), "k", []byte("v"))
		if !errors.Is(err, store.ErrInDoubt) || errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "" {
			t.Errorf("still holds %q", got)
		}
	})
}

func TestLateCreateThatWasGivenUpHasNoEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var late func()
		p.Inject(func(ctx context.Context, call func(context.Context) error) error {
			late = func() { _ = call(context.WithoutCancel(ctx)) }
			return teststore.Drop(ctx, call)
		}, teststore.Create)
		if _, err := keep(t, p).Acquire(t.Context(), "k", []byte("v")); !errors.Is(err, store.ErrInDoubt) {
			t.Fatal(err)
		}
		synctest.Wait()
		late()
		if got := value(t, p.Store, "k"); got != "" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestCancelledAcquireReturnsAtOnceAndLeavesNothing(t *testing.T) {
	for name, f := range map[string]teststore.Fault{"reply lost": teststore.LoseReply, "request lost": teststore.Silence} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				k := keep(t, p)
				p.Inject(f, teststore.Create)
				reason := errors.New("no patience")
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second/2, reason)
				defer cancel()
				start := time.Now()
				held, err := k.Acquire(ctx, "k", []byte("v"))
				if held != nil || !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, reason) || time.Since(start) != time.Second/2 {
					t.Fatalf("after %v: %v, %v", time.Since(start), held, err)
				}
				p.Inject(nil, teststore.Create)
				synctest.Wait()
				acquire(t, k, "k")
			})
		})
	}
}

func TestSettlingGivesUpAfterTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		p.Inject(teststore.Silence, teststore.Create, teststore.Delete)
		_, _ = keep(t, p).Acquire(t.Context(), "k", []byte("v"))
		start := time.Since(p.Start)
		time.Sleep(time.Hour)
		tries := p.Sent(teststore.Delete)
		if last := tries[len(tries)-1]; last.At > start+ttl || last.At < start+ttl/2 {
			t.Errorf("%d tries, the last %v after the first", len(tries), last.At-start)
		}
	})
}

func TestGrantThatComesAfterItsWindowIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		p.Inject(teststore.Delay(0, window), teststore.Create)
		held, err := keep(t, p).Acquire(t.Context(), "k", []byte("v"))
		if held != nil || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%v, %v", held, err)
		}
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestGrantThatComesLateIsRenewedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			p := teststore.New()
			k := keep(t, p)
			time.Sleep(time.Second) // so that the next round is not close by
			p.Inject(teststore.Delay(0, window-time.Millisecond), teststore.Create)
			held := acquire(t, k, "k")
			time.Sleep(5 * ttl)
			if !held.Valid() {
				t.Fatal(held.Err())
			}
			_ = k.Close(t.Context())
		}
	})
}

func TestEachAcquireIsANewLeaseWithALargerToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, memstore.New())
		var last store.Token
		for range 10 {
			held := acquire(t, k, "k")
			if held.Token() <= last {
				t.Errorf("token %d after %d", held.Token(), last)
			}
			last = held.Token()
			_ = held.Release(t.Context())
		}
	})
}

func TestValueIsMadeAnewForEachCreate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		first := acquire(t, keep(t, st), "k")
		time.AfterFunc(time.Hour, func() { _ = first.Release(context.Background()) })
		start := time.Now()
		acquire(t, keep(t, st), "k", lease.WithWait(), lease.WithValueFunc(func() ([]byte, error) {
			return []byte(time.Since(start).String()), nil
		}))
		if got := value(t, st, "k"); got != "1h0m0s" {
			t.Errorf("holds %q", got)
		}
	})
}

func TestErrorOfAValueEndsAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		reason := errors.New("no value")
		_, err := keep(t, p).Acquire(t.Context(), "k", []byte("v"), lease.WithWait(), lease.WithValueFunc(func() ([]byte, error) { return nil, reason }))
		if err != reason || len(p.Sent(teststore.Create)) != 0 {
			t.Errorf("%v, sent %v", err, p.Sent(teststore.Create))
		}
	})
}
