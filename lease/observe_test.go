package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestOnAcquireIsToldOfEachCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var attempts []lease.AcquireAttempt
		k := keep(t, p, func(c *lease.Config) { c.OnAcquire = func(a lease.AcquireAttempt) { attempts = append(attempts, a) } })
		began := time.Now()
		first := acquire(t, k, "k")
		_, _ = k.Acquire(t.Context(), "k", []byte("v"))
		_, _ = k.Acquire(t.Context(), "", []byte("v"))
		time.AfterFunc(time.Minute, func() { _ = first.Release(context.Background()) })
		second := acquire(t, k, "k", lease.WithWait())
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _ = k.Acquire(short, "k", []byte("v"), lease.WithWait())
		synctest.Wait()
		var got []string
		for _, a := range attempts {
			got = append(got, fmt.Sprintf("%q %d %v after %v for %v: %s", a.Key, a.Token, a.Waits, a.At.Sub(began), a.Duration, store.Outcome(a.Err)))
		}
		want := []string{
			fmt.Sprintf(`"k" %d false after 0s for 0s: ok`, first.Token()), `"k" 0 false after 0s for 0s: held`, `"" 0 false after 0s for 0s: invalid`,
			fmt.Sprintf(`"k" %d true after 0s for 1m0s: ok`, second.Token()), `"k" 0 true after 1m0s for 1s: error`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	})
}

func TestASlowOnAcquireHoldsUpNobodyAndIsToldWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		var told, dropped int
		k := keep(t, teststore.New(), func(c *lease.Config) {
			c.OnAcquire = func(a lease.AcquireAttempt) {
				<-resume
				told, dropped = told+1, dropped+a.Dropped
			}
		})
		const calls = 1<<14 + 100
		for i := range calls {
			if _, _ = k.Acquire(t.Context(), "", nil); i == 0 {
				synctest.Wait() // until OnAcquire hangs
			}
		}
		close(resume)
		synctest.Wait()
		_, _ = k.Acquire(t.Context(), "", nil)
		synctest.Wait()
		if told+dropped != calls+1 || dropped == 0 {
			t.Errorf("told of %d calls and of %d dropped, of %d", told, dropped, calls+1)
		}
	})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		check := func(what string, held, waiting int, trusts bool) {
			t.Helper()
			synctest.Wait()
			if s := k.Stats(); s.Held != held || s.Waiting != waiting || trusts != (s.TrustLeft > 0) || s.TrustLeft > ttl {
				t.Errorf("%s: %+v", what, s)
			}
		}
		check("a new keeper", 0, 0, false)
		a := acquire(t, k, "a")
		acquire(t, k, "b")
		check("with two leases", 2, 0, true)
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			go func() { _, _ = k.Acquire(ctx, "a", []byte("v"), lease.WithWait()) }()
		}
		check("with three that wait", 2, 3, true)
		_ = a.Release(t.Context())
		check("after a release", 2, 2, true)
		cancel()
		check("after the waits", 2, 0, true)
		before := k.Stats().TrustLeft
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(heartbeat)
		if left := k.Stats().TrustLeft; left <= 0 || left > before-heartbeat/2 {
			t.Errorf("without renewals %v is left of %v", left, before)
		}
		time.Sleep(ttl)
		check("after the losses", 0, 0, false)
	})
}

// Left is what a lease still had when the answer came, whatever that was.
func TestRenewAttemptsTellHowNearALossWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var attempts []lease.RenewAttempt
		k := keep(t, p, func(c *lease.Config) { c.OnRenew = func(a lease.RenewAttempt) { attempts = append(attempts, a) } })
		acquired := time.Now()
		acquire(t, k, "k")
		whole := k.Stats().TrustLeft
		time.Sleep(heartbeat)
		p.Inject(teststore.Refuse, teststore.Renew)
		time.Sleep(ttl)
		synctest.Wait()
		if len(attempts) < 3 || attempts[0].Err != nil || attempts[1].Err == nil {
			t.Fatalf("%+v", attempts)
		}
		confirmed := acquired
		for _, a := range attempts {
			want := max(whole-a.At.Add(a.Duration).Sub(confirmed), 0)
			if a.Left > want || a.Left < want-time.Millisecond {
				t.Errorf("%v left after %v, want %v", a.Left, a.At.Sub(acquired), want)
			}
			if a.Err == nil {
				confirmed = a.At
			}
		}
	})
}

func TestLossesHaveAReason(t *testing.T) {
	for want, cause := range map[string]error{
		"expired":   fmt.Errorf("%w; the last renew said: %w", lease.ErrExpired, store.ErrUnavailable),
		"unhealthy": fmt.Errorf("%w: %w", lease.ErrUnhealthy, errors.New("x")),
		"lost":      store.Lost("renew", "k", 7),
		"foreign":   &store.ForeignError{},
	} {
		if got := (&lease.LostError{Cause: cause}).Reason(); got != want {
			t.Errorf("%v: %q, want %q", cause, got, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var reason atomic.Value
		k := keep(t, p, func(c *lease.Config) { c.OnLoss = func(e *lease.LostError) { reason.Store(e.Reason()) } })
		held := acquire(t, k, "k")
		if err := p.Delete(t.Context(), "k", store.ByToken(held.Token())); err != nil {
			t.Fatal(err)
		}
		time.Sleep(heartbeat)
		synctest.Wait()
		if reason.Load() != "deleted" {
			t.Errorf("after a delete the reason is %v", reason.Load())
		}
	})
}
