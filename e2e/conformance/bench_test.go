package conformance_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// BenchmarkTransitionWithLog compares whole transitions of an instance with an activity log with those
// of one without, by turns. Its metrics are the microseconds of each, and how many times as long
// the first take.
func BenchmarkTransitionWithLog(b *testing.B) {
	for name, open := range map[string]func(*testing.B) (store.Store, error){
		"redis": func(b *testing.B) (store.Store, error) {
			return redisstore.New(b.Context(), redistest.Start(b).Client())
		},
		"etcd": func(b *testing.B) (store.Store, error) {
			return etcdstore.New(b.Context(), etcdtest.Start(b, etcdtest.Settings{}).Client())
		},
	} {
		b.Run(name, func(b *testing.B) {
			st, err := open(b)
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { st.(interface{ Close() error }).Close() })
			k, err := lease.NewKeeper(st, lease.Config{TTL: 10 * time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { k.Close(b.Context()) })
			var instances []*instance
			for i, log := range []*registry.Log{{Dropped: func(n int, err error) { b.Log(n, err) }}, nil} {
				inst, err := registry.Register(b.Context(), k, lifecycle, config{Key: fmt.Sprint("key ", i), Log: log, Fill: func(*payload, registry.Status[State]) {}})
				if err != nil {
					b.Fatal(err)
				}
				instances = append(instances, inst)
			}
			const turn = 100
			var spent [2]time.Duration
			turns := 0
			for b.Loop() {
				for i, inst := range instances {
					began := time.Now()
					for range turn / 2 {
						for _, to := range []State{Starting, Idle} {
							if err := inst.Transition(b.Context(), to); err != nil {
								b.Fatal(err)
							}
						}
					}
					spent[i] += time.Since(began)
				}
				turns += turn
			}
			if n := instances[0].LogDropped(); n > 0 {
				b.Errorf("%d entries were dropped", n)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(spent[0].Microseconds())/float64(turns), "logged-µs")
			b.ReportMetric(float64(spent[1].Microseconds())/float64(turns), "plain-µs")
			b.ReportMetric(float64(spent[0])/float64(spent[1]), "logged/plain")
		})
	}
}
