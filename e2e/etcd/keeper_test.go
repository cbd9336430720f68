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

const beatTime = 3 * time.Second

// beating is a keeper of many keys, whose requests are counted.
type beating struct {
	keeper *lease.Keeper
	sent   counter
	beats  atomic.Int64 // that were confirmed
}

func newBeating(t *testing.T, cluster *etcdtest.Cluster, keys int) *beating {
	t.Helper()
	b := new(beating)
	k, err := lease.NewKeeper(open(t, b.sent.client(cluster)), lease.Config{TTL: 10 * beatTime, Heartbeat: beatTime, OnRenew: func(one lease.RenewAttempt) {
		if one.Err == nil {
			b.beats.Add(1)
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

// A keeper beats in several goroutines and in batches: what a round costs the store alone
// is not yet what its keys cost.
func TestAKeeperOfTenThousandKeysCostsAtMostTwiceOneOfAHundred(t *testing.T) {
	full.Only(t)
	cluster := etcdtest.Start(t, etcdtest.Settings{})
	few, many := newBeating(t, cluster, 100), newBeating(t, cluster, 10_000)
	few.sent.n.Store(0)
	many.sent.n.Store(0)
	many.beats.Store(0)
	few.beats.Store(0)
	began := time.Now()
	for few.beats.Load() < 5*100 || many.beats.Load() < 5*10_000 {
		if time.Sleep(beatTime); time.Since(began) > 3*time.Minute {
			t.Fatalf("beaten %d and %d times", few.beats.Load(), many.beats.Load())
		}
	}
	a, b := few.sent.n.Load(), many.sent.n.Load()
	t.Logf("in %v: %d requests for 100 keys, which are beaten %d times; %d for 10,000, %d times",
		time.Since(began), a, few.beats.Load(), b, many.beats.Load())
	if b > 2*a {
		t.Errorf("%d requests for 10,000 keys are more than twice the %d for 100", b, a)
	}
}
