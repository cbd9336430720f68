package memstore_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestConformance(t *testing.T) {
	conform(t, 4000, func(st *memstore.Store) store.Store { return st })
}

// A store that is observed is like the store itself.
func TestConformanceOfAnObservedStore(t *testing.T) {
	var calls atomic.Int64
	conform(t, 400, func(st *memstore.Store) store.Store {
		return store.Observe(st, func(context.Context, store.Call) { calls.Add(1) })
	})
	if calls.Load() == 0 {
		t.Error("no call was observed")
	}
}

func conform(t *testing.T, programmes int, wrap func(*memstore.Store) store.Store) {
	if testing.Short() {
		programmes /= 10
	}
	storetest.Run(t, storetest.Harness{
		Virtual:    true,
		Programmes: programmes,
		Open: func(t *testing.T) storetest.Fixture {
			st := memstore.New()
			t.Cleanup(func() { st.Close() })
			return storetest.Fixture{Store: wrap(st)}
		},
	})
}
