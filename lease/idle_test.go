package lease_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	"pgregory.net/rapid"
)

// stay is one call of Acquire that waits, and what becomes of its lease.
type stay struct {
	Before   time.Duration // the call
	Patience time.Duration // of the call
	Hold     time.Duration
}

var stays = rapid.Custom(func(t *rapid.T) stay {
	until := func(d time.Duration, label string) time.Duration {
		return time.Duration(rapid.Int64Range(0, int64(d)).Draw(t, label))
	}
	return stay{until(4*heartbeat, "before"), until(8*heartbeat, "patience"), until(2*heartbeat, "hold")}
})

// While somebody waits for a key whose holders release it, the key is nobody's for a heartbeat at most
// and the time of a few calls, though messages of handovers are lost. TTLs are longer by far.
func TestAKeyWithWaitersIsNotNobodysForLong(t *testing.T) {
	const (
		late = heartbeat / 6
		most = heartbeat + 4*late
	)
	rapid.Check(t, func(t *rapid.T) {
		keepers := rapid.SliceOfN(rapid.SliceOfN(rapid.SliceOfN(stays, 1, 6), 1, 3), 1, 3).Draw(t, "keepers")
		lost := rapid.IntRange(0, 100).Draw(t, "lost messages in 100")
		chance := rapid.SliceOfN(rapid.IntRange(0, 99), 16, 16).Draw(t, "chance")
		rapid.SyncTest(t, func(t *rapid.T) {
			var (
				shared         = memstore.New()
				mu             sync.Mutex
				n              int
				waiting, holds []span
				all            sync.WaitGroup
			)
			draw := func() int {
				mu.Lock()
				defer mu.Unlock()
				n++
				return chance[n%len(chance)]
			}
			for _, contenders := range keepers {
				p := teststore.New()
				p.Store = shared
				p.Inject(func(ctx context.Context, send func(context.Context) error) error {
					request, answer := late*time.Duration(draw())/200, late*time.Duration(draw())/200
					return teststore.Delay(request, answer)(ctx, send)
				}, teststore.Create, teststore.Delete)
				p.Inject(func(ctx context.Context, send func(context.Context) error) error {
					if draw() < lost {
						return nil
					}
					return send(ctx)
				}, teststore.Handover)
				k := keep(t, teststore.Successor{Store: p}, func(c *lease.Config) { c.TTL = 100 * heartbeat })
				for _, stays := range contenders {
					all.Go(func() {
						for _, s := range stays {
							time.Sleep(s.Before)
							ctx, cancel := context.WithTimeout(context.Background(), s.Patience)
							start := time.Now()
							held, err := k.Acquire(ctx, "k", []byte("v"), lease.WithWait())
							got := time.Now()
							cancel()
							mu.Lock()
							waiting = append(waiting, span{start, got})
							mu.Unlock()
							if err != nil {
								continue
							}
							time.Sleep(s.Hold)
							mu.Lock()
							holds = append(holds, span{got, time.Now()})
							mu.Unlock()
							_ = held.Release(context.Background())
						}
					})
				}
			}
			all.Wait()
			for _, w := range waiting {
				for idle := w.start; idle.Before(w.end); {
					next := w.end
					for _, h := range holds {
						switch {
						case !h.start.After(idle) && h.end.After(idle):
							idle, next = h.end, h.end
						case h.start.After(idle) && h.start.Before(next):
							next = h.start
						}
					}
					if next.Sub(idle) > most {
						t.Fatalf("a call waited from %v to %v, and from %v to %v nobody held the key", w.start, w.end, idle, next)
					}
					if next.After(idle) {
						idle = next
					}
				}
			}
		})
	})
}
