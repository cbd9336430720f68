package lease_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// hangingKeys is a store that gives no answer for some keys, as when one server of several
// hangs: a batch returns the answers for its other keys when its context ends.
type hangingKeys struct {
	store.Store
	hangs func(key string) bool
}

func (s hangingKeys) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	results := make([]store.RenewResult, len(batch))
	hung := false
	for i, w := range batch {
		if s.hangs(w.Key) {
			hung = true
			results[i].Err = &store.Error{Op: "renew", Key: w.Key, Condition: store.ErrInDoubt}
			continue
		}
		results[i] = s.Store.Renew(ctx, batch[i:i+1])[0]
	}
	if hung {
		<-ctx.Done()
	}
	return results
}

func TestBlockedEncodeLosesNoOtherLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, memstore.New())
		resume := make(chan struct{})
		var others []lease.Lease
		for i := range 40 {
			others = append(others, acquire(t, k, fmt.Sprint(i)))
		}
		blocked := acquire(t, k, "blocked", lease.WithHeartbeatValue(func(time.Time) ([]byte, error) {
			<-resume
			return nil, nil
		}, nil))
		time.Sleep(3 * ttl)
		for _, held := range append(others, blocked) {
			if err := held.Err(); err != nil {
				t.Errorf("%s: %v", held.Key(), err)
			}
		}
		close(resume)
	})
}

func TestPanickingCallbackDoesNotEndTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var attempts, losses atomic.Int32
		k := keep(t, p, func(c *lease.Config) {
			c.OnRenew = func(lease.RenewAttempt) { attempts.Add(1); panic("OnRenew") }
			c.OnLoss = func(*lease.LostError) { losses.Add(1); panic("OnLoss") }
		})
		text := func(time.Time) ([]byte, error) { return []byte("v"), nil }
		all := []lease.Lease{
			acquire(t, k, "bare"),
			acquire(t, k, "encode", lease.WithHeartbeatValue(func(time.Time) ([]byte, error) { panic("encode") }, nil)),
			acquire(t, k, "commit", lease.WithHeartbeatValue(text, func() { panic("commit") })),
		}
		time.Sleep(3 * ttl)
		synctest.Wait()
		for _, held := range all {
			if err := held.Update(t.Context(), []byte("next")); err != nil {
				t.Errorf("%s: %v", held.Key(), err)
			}
		}
		if n := attempts.Load(); n < 20 {
			t.Errorf("OnRenew was told of %d attempts", n)
		}
		p.Evict("bare")
		time.Sleep(heartbeat)
		p.Evict("encode")
		time.Sleep(heartbeat)
		if n := losses.Load(); n != 2 {
			t.Errorf("OnLoss was told of %d losses of 2", n)
		}
	})
}

func TestCloseWithASlowObserverReturnsWithinItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resume := make(chan struct{})
		k := keep(t, memstore.New(), func(c *lease.Config) { c.OnRenew = func(lease.RenewAttempt) { <-resume } })
		held := acquire(t, k, "k")
		time.Sleep(heartbeat)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		time.AfterFunc(time.Minute, func() { close(resume) })
		err := k.Close(ctx)
		if took := time.Since(start); took > time.Second || err == nil || !errors.Is(held.Err(), lease.ErrReleased) {
			t.Errorf("after %v: %v; the lease: %v", took, err, held.Err())
		}
		<-resume
	})
}

func TestCloseFromAnObserverReturns(t *testing.T) {
	for _, name := range []string{"OnRenew", "OnAcquire", "OnLoss"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := teststore.New()
				var k *lease.Keeper
				closed := make(chan error, 10)
				k = keep(t, p, func(c *lease.Config) {
					switch name {
					case "OnRenew":
						c.OnRenew = func(lease.RenewAttempt) { closed <- k.Close(context.Background()) }
					case "OnAcquire":
						c.OnAcquire = func(lease.AcquireAttempt) { closed <- k.Close(context.Background()) }
					case "OnLoss":
						c.OnLoss = func(*lease.LostError) { closed <- k.Close(context.Background()) }
					}
				})
				acquire(t, k, "k")
				_, _ = k.Acquire(t.Context(), "other", []byte("v")) // refused if Close is quicker
				if name == "OnLoss" {
					p.Evict("k")
				}
				time.Sleep(heartbeat + time.Second)
				synctest.Wait()
				select {
				case err := <-closed:
					if err != nil || value(t, p, "other") != "" {
						t.Errorf("%v, %q is left", err, value(t, p, "other"))
					}
				default:
					t.Fatal("Close has not returned")
				}
			})
		})
	}
}

func TestSlowObserverHoldsUpNoRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, memstore.New(), func(c *lease.Config) { c.OnRenew = func(lease.RenewAttempt) { time.Sleep(ttl) } })
		var all []lease.Lease
		for i := range 100 {
			all = append(all, acquire(t, k, fmt.Sprint(i)))
		}
		time.Sleep(5 * ttl)
		for _, held := range all {
			if !held.Valid() {
				t.Fatal(held.Err())
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_ = k.Close(ctx)
		time.Sleep(time.Duration(len(all)) * 20 * ttl) // for OnRenew to return, for all that it missed
	})
}

// A store that needs half a TTL for all leases: in random order, some would come last in one
// round and first in the one before.
func TestSlowStoreLosesNoLeaseIfTheNearestDeadlineIsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		var lost atomic.Int32
		k := keep(t, p, func(c *lease.Config) {
			c.TTL, c.Heartbeat = 3*time.Second, time.Second
			c.OnLoss = func(*lease.LostError) { lost.Add(1) }
		})
		for i := range 3840 {
			acquire(t, k, fmt.Sprint(i))
		}
		p.Inject(teststore.Delay(0, 400*time.Millisecond), teststore.Renew)
		time.Sleep(30 * time.Second)
		p.Inject(nil, teststore.Renew)
		if n := lost.Load(); n > 0 {
			t.Errorf("%d leases lost", n)
		}
	})
}

func TestServerThatHangsLosesItsOwnLeasesAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := make(map[string]bool)
		k := keep(t, hangingKeys{memstore.New(), func(key string) bool { return hangs[key] }})
		var healthy, hung []lease.Lease
		for i := range 6000 {
			key := fmt.Sprint(i)
			if hangs[key] = i%3 == 0; hangs[key] {
				hung = append(hung, acquire(t, k, key))
			} else {
				healthy = append(healthy, acquire(t, k, key))
			}
		}
		time.Sleep(5 * ttl)
		lost := 0
		for _, held := range healthy {
			if !held.Valid() {
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("%d of %d leases lost whose records could be renewed", lost, len(healthy))
		}
		for _, held := range hung {
			if held.Valid() {
				t.Fatalf("%q is valid", held.Key())
			}
		}
	})
}

// Big values: 600 leases with 512 KiB at 100 MB/s, of which a batch of 256 would take longer
// than the limit of a request.
func TestBatchesAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, leases = 512 << 10, 600
		st := &countsBytes{Store: memstore.New()}
		k := keep(t, st)
		big := make([]byte, size)
		var all []lease.Lease
		for i := range leases {
			all = append(all, acquire(t, k, fmt.Sprint(i), lease.WithHeartbeatValue(func(time.Time) ([]byte, error) { return big, nil }, nil)))
		}
		time.Sleep(2 * ttl)
		if most := st.most.Load(); most > 1<<20 {
			t.Errorf("a batch of %d bytes", most)
		}
		for _, held := range all {
			if !held.Valid() {
				t.Fatal(held.Err())
			}
		}
	})
}

// countsBytes is a store to which bytes take time.
type countsBytes struct {
	store.Store
	most atomic.Int64
}

func (s *countsBytes) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	bytes := 0
	for i := range batch {
		bytes += len(batch[i].Value)
		batch[i].Value = batch[i].Value[:min(len(batch[i].Value), 1)] // so that the test is quick
	}
	s.most.Store(max(s.most.Load(), int64(bytes)))
	time.Sleep(time.Duration(bytes) * 10 * time.Nanosecond)
	if err := ctx.Err(); err != nil {
		return make([]store.RenewResult, 0)
	}
	return s.Store.Renew(ctx, batch)
}

func TestDoneIsClosedAfterEveryContextHasEnded(t *testing.T) {
	for range 100 {
		st := memstore.New()
		k := keep(t, st)
		held := acquire(t, k, "k")
		var contexts []context.Context
		for range 100 {
			ctx, cancel := held.Context(t.Context())
			defer cancel()
			contexts = append(contexts, ctx)
		}
		go func() { _ = held.Release(context.Background()) }()
		<-held.Done()
		for _, ctx := range contexts {
			if ctx.Err() == nil || context.Cause(ctx) != held.Err() {
				t.Fatal("Done is closed and a context has not ended")
			}
		}
	}
}

func TestCloseReleasesManyLeasesWhileItMakesProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		for i := range 2000 {
			acquire(t, k, fmt.Sprint(i))
		}
		p.Inject(func(ctx context.Context, send func(context.Context) error) error {
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
			return send(ctx)
		}, teststore.Delete)
		if err := k.Close(context.Background()); err != nil {
			t.Error(len(err.Error()), "bytes:", err.Error()[:min(200, len(err.Error()))])
		}
		for r := range p.Store.List(t.Context(), "") {
			t.Fatalf("left %q", r.Key)
		}
	})
}

func TestErrorOfCloseIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p)
		for i := range 2000 {
			acquire(t, k, fmt.Sprint(i))
		}
		p.Inject(teststore.Refuse, teststore.Delete)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := k.Close(ctx)
		if err == nil || len(err.Error()) > 400 || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%d bytes", len(err.Error()))
		}
		if time.Since(p.Start) > time.Second {
			t.Errorf("after %v", time.Since(p.Start))
		}
	})
}
