package lease_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Times of most tests. The trust window ends 600ms before the TTL.
const (
	ttl       = 10 * time.Second
	heartbeat = 3 * time.Second
	window    = ttl - ttl/100 - 500*time.Millisecond
)

// tester has the common methods of testing.T and rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
	Cleanup(f func())
	Context() context.Context
}

// keep returns a keeper that is closed when the test ends.
func keep(t tester, st store.Store, change ...func(*lease.Config)) *lease.Keeper {
	t.Helper()
	cfg := lease.Config{TTL: ttl, Heartbeat: heartbeat}
	for _, c := range change {
		c(&cfg)
	}
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(context.Background()) })
	return k
}

func acquire(t tester, k *lease.Keeper, key string, opts ...lease.Option) lease.Lease {
	t.Helper()
	held, err := k.Acquire(t.Context(), key, []byte("first"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// value returns the value under a key, or "" without a record.
func value(t tester, st store.Store, key string) string {
	t.Helper()
	r, err := st.Get(context.Background(), key)
	if err != nil {
		return ""
	}
	return string(r.Value)
}

// ended waits for the end of a lease and returns the time since start.
func ended(held lease.Lease, start time.Time) time.Duration {
	<-held.Done()
	return time.Since(start)
}

// refOf refers to a lease as a store does.
func refOf(held lease.Lease) store.LeaseRef { return store.ByToken(held.Token()) }
