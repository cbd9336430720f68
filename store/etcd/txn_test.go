package etcdstore

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Calls that are slow do not delay the next, but a server that is only busy gets a bounded
// number of them at once.
func TestSlowCallsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int32
		began := time.Now()
		inParallel(make([]struct{}, 100), func(struct{}) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(10 * time.Second)
			running.Add(-1)
		})
		if n := most.Load(); n != parallel+maxSlow {
			t.Errorf("%d calls at once, want %d", n, parallel+maxSlow)
		}
		if took := time.Since(began); took > 75*time.Second {
			t.Errorf("100 calls of ten seconds took %v", took)
		}
	})
}
