package etcd_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/lease"
)

const heartbeat = 3 * time.Second

// countedKeeper is a keeper of many keys with a count of its requests.
type countedKeeper struct {
	keeper *lease.Keeper
	sent   counter
	renews atomic.Int64 // confirmed renews
}

func newCountedKeeper(t *testing.T, cluster *etcdtest.Cluster, keys int) *countedKeeper {
	t.Helper()
	b := new(countedKeeper)
	k, err := lease.NewKeeper(open(t, b.sent.client(cluster)), lease.Config{TTL: 10 * heartbeat, Heartbeat: heartbeat, OnRenew: func(one lease.RenewAttempt) {
		if one.Err == nil {
			b.renews.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close(context.Background()) })
	b.keeper = k
	const parts = 16
	var all sync.WaitGroup
	for part := range parts {
		all.Go(func() {
			for i := part; i < keys; i += parts {
				_, err := answered.Acquire(t.Context(), func() (lease.Lease, error) {
					return k.Acquire(t.Context(), fmt.Sprintf("%d/%d", keys, i), []byte("value"))
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return b
}

// The keeper renews in batches on several goroutines, so the test counts all its requests, not
// the requests of one batch.
func TestAKeeperOfTenThousandKeysCostsAtMostTwiceOneOfAHundred(t *testing.T) {
	full.Only(t) // and not in parallel: renewals that are late take more requests
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	few, many := newCountedKeeper(t, cluster, 100), newCountedKeeper(t, cluster, 10_000)
	few.sent.n.Store(0)
	many.sent.n.Store(0)
	many.renews.Store(0)
	few.renews.Store(0)
	began := time.Now()
	for few.renews.Load() < 5*100 || many.renews.Load() < 5*10_000 {
		if time.Sleep(heartbeat); time.Since(began) > 3*time.Minute {
			t.Fatalf("renewed %d and %d times", few.renews.Load(), many.renews.Load())
		}
	}
	a, b := few.sent.n.Load(), many.sent.n.Load()
	t.Logf("in %v: %d requests for 100 keys, with %d renews; %d for 10,000 keys, with %d renews",
		time.Since(began), a, few.renews.Load(), b, many.renews.Load())
	if b > 2*a {
		t.Errorf("%d requests for 10,000 keys are more than twice the %d for 100", b, a)
	}
}
