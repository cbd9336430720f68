package storetest_test

import (
	"sync/atomic"
	"testing"

	memstore "github.com/leasehold-go/leasehold/store/memory"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestParallelBoundsTheCasesAtATime(t *testing.T) {
	const parallel = 3
	var under, most atomic.Int32
	storetest.Run(t, storetest.Harness{Virtual: true, Programmes: 10, Parallel: parallel, Open: func(t *testing.T) storetest.Fixture {
		now := under.Add(1)
		for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
		}
		st := memstore.New()
		t.Cleanup(func() {
			st.Close()
			under.Add(-1)
		})
		return storetest.Fixture{Store: st}
	}})
	if n := most.Load(); n < 2 || n > parallel {
		t.Errorf("%d fixtures were open at the same time, want 2 to %d", n, parallel)
	}
}
