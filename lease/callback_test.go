package lease_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

func TestLateValueIsDroppedAndKeepsTheTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var attempts []lease.RenewAttempt
		k := keep(t, p, func(c *lease.Config) { c.OnRenew = func(a lease.RenewAttempt) { attempts = append(attempts, a) } })
		var calls, atOnce atomic.Int32
		held := acquire(t, k, "k", lease.WithHeartbeatValue(func(time.Time) ([]byte, error) {
			if atOnce.Add(1) > 1 {
				t.Error("called twice at once")
			}
			defer atOnce.Add(-1)
			if calls.Add(1) == 1 {
				time.Sleep(2 * ttl)
				return []byte("late"), nil
			}
			return []byte("in time"), nil
		}, func() {
			if calls.Load() == 1 {
				t.Error("committed a late value")
			}
		}))
		time.Sleep(ttl)
		synctest.Wait()
		if len(attempts) < 3 || !held.Valid() {
			t.Fatalf("%d heartbeats; %v", len(attempts), held.Err())
		}
		for _, a := range attempts {
			if a.Err != nil || !errors.Is(a.Skipped, lease.ErrLate) {
				t.Errorf("%+v", a)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := held.Update(ctx, []byte("v")); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("written while the late callback has the turn: %v", err)
		}
		time.Sleep(2 * ttl)
		if err := held.Update(t.Context(), []byte("v")); err != nil {
			t.Errorf("after the callback has returned: %v", err)
		}
		time.Sleep(heartbeat)
		synctest.Wait()
		if got := value(t, p.Store, "k"); got != "in time" {
			t.Errorf("holds %q", got)
		}
		for _, r := range p.Sent(teststore.Renew) {
			for _, v := range r.Values() {
				if string(v) == "late" {
					t.Error("sent the late value")
				}
			}
		}
	})
}

func TestLateCommitKeepsTheTurnAndNoRenewWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := memstore.New()
		k := keep(t, st)
		var commits atomic.Int32
		held := acquire(t, k, "k", lease.WithHeartbeatValue(func(time.Time) ([]byte, error) { return []byte("v"), nil }, func() {
			if commits.Add(1) == 1 {
				time.Sleep(2 * ttl)
			}
		}))
		other := acquire(t, k, "other")
		time.Sleep(2 * ttl)
		if n := commits.Load(); n != 1 || !held.Valid() || !other.Valid() {
			t.Errorf("%d commits; %v; %v", n, held.Err(), other.Err())
		}
		time.Sleep(3 * ttl)
	})
}

func TestPanicsAreReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		skipped := make(map[string]error)
		k, err := lease.NewKeeper(p, lease.Config{TTL: ttl, Heartbeat: heartbeat, OnRenew: func(a lease.RenewAttempt) {
			skipped[a.Key] = a.Skipped
			panic("observer")
		}})
		if err != nil {
			t.Fatal(err)
		}
		acquire(t, k, "encode", lease.WithHeartbeatValue(func(time.Time) ([]byte, error) { panic("no value") }, nil))
		acquire(t, k, "commit", lease.WithHeartbeatValue(func(time.Time) ([]byte, error) { return []byte("v"), nil }, func() { panic("no commit") }))
		time.Sleep(heartbeat)
		synctest.Wait()
		for callback, want := range map[string]string{"encode": "panic in encode: no value", "commit": "panic in commit: no commit"} {
			var got *lease.PanicError
			if !errors.As(skipped[callback], &got) || got.Error() != want || !strings.Contains(string(got.Stack), "callback_test.go") {
				t.Errorf("%s: %v", callback, skipped[callback])
			}
		}
		var failed *lease.CloseError
		if err := k.Close(t.Context()); !errors.As(err, &failed) || failed.Panics != 2 || err.Error() != "close keeper: panics in callbacks: 2" {
			t.Errorf("%v", err)
		}
	})
}

// As t.FailNow does.
func TestObserverThatEndsItsGoroutineIsToldOfAllLosses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var told atomic.Int32
		k := keep(t, p, func(c *lease.Config) {
			c.OnLoss = func(*lease.LostError) {
				told.Add(1)
				runtime.Goexit()
			}
		})
		const losses = 4
		for i := range losses {
			acquire(t, k, fmt.Sprint(i))
			if p.Evict(fmt.Sprint(i)); i%2 == 1 { // two at once
				time.Sleep(2 * heartbeat)
			}
		}
		if err := k.Close(t.Context()); err != nil || told.Load() != losses {
			t.Errorf("told of %d of %d losses; %v", told.Load(), losses, err)
		}
	})
}

// Nobody reads of 20,000 attempts until the end.
func TestAttemptsThatWaitAreBoundedAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const leases, rounds = 4000, 6
		p := teststore.New()
		resume := make(chan struct{})
		told, dropped := 0, 0
		k := keep(t, p, func(c *lease.Config) {
			c.OnRenew = func(a lease.RenewAttempt) {
				<-resume
				told, dropped = told+1, dropped+a.Dropped
			}
		})
		for i := range leases {
			acquire(t, k, fmt.Sprint(i))
		}
		time.Sleep(rounds * heartbeat)
		close(resume)
		time.Sleep(2 * heartbeat)
		synctest.Wait()
		sent := 0
		for _, r := range p.Sent(teststore.Renew) {
			sent += len(r.Writes)
		}
		if told+dropped != sent || dropped == 0 {
			t.Errorf("told of %d and that %d were dropped, of %d", told, dropped, sent)
		}
	})
}

func TestCloseCountsCallbacksThatDoNotReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		k, err := lease.NewKeeper(memstore.New(), lease.Config{TTL: ttl, Heartbeat: heartbeat})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			acquire(t, k, fmt.Sprint(i), lease.WithHeartbeatValue(func(time.Time) ([]byte, error) {
				<-resume
				return nil, nil
			}, nil))
		}
		time.Sleep(heartbeat + time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		var failed *lease.CloseError
		err = k.Close(ctx)
		if !errors.As(err, &failed) || failed.Callbacks != 3 || failed.Failed != 0 || err.Error() != "close keeper: callbacks still running: 3" {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("after %v", took)
		}
		close(resume)
	})
}

func TestErrorOfCloseHasCountsAndExamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		for i := range 10 {
			acquire(t, k, fmt.Sprint(i))
		}
		p.Inject(func(ctx context.Context, send func(context.Context) error) error {
			return &store.Error{Op: "delete", Key: "k", Condition: store.ErrClosed}
		}, teststore.Delete)
		err := k.Close(t.Context())
		var failed *lease.CloseError
		if !errors.As(err, &failed) || failed.Leases != 10 || failed.Failed != 10 || len(failed.Examples) != 3 || !errors.Is(err, store.ErrClosed) {
			t.Fatalf("%+v", err)
		}
		want := `close keeper: 10 of 10 leases not released, their records are left to expire: ` +
			`delete "k": store closed; delete "k": store closed; delete "k": store closed`
		if err.Error() != want {
			t.Errorf("got  %s\nwant %s", err, want)
		}
	})
}
