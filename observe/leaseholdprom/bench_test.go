package leaseholdprom_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// BenchmarkMachine makes transitions of a machine with a hook, without and with metrics.
func BenchmarkMachine(b *testing.B) {
	def := fsm.MustDefine("idle", fsm.Table[string]{"idle": {"active"}, "active": {"idle"}},
		fsm.OnEntry("active", func(context.Context, fsm.Transition[string]) error { return nil }))
	m, _ := newMetrics(b)
	for name, opts := range map[string][]fsm.Option{"hook": nil, "hook and metrics": {leaseholdprom.Machine[string](m)}} {
		b.Run(name, func(b *testing.B) {
			machine, ctx := fsm.New(def, opts...), context.Background()
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				to := "active"
				if i%2 == 1 {
					to = "idle"
				}
				if err := machine.Transition(ctx, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkKeeper renews 10,000 leases three times, without and with metrics; cpu-ms is the
// processor's time for one heartbeat of all.
func BenchmarkKeeper(b *testing.B) {
	const leases, heartbeats, heartbeat = 10_000, 3, 2 * time.Second
	for _, name := range []string{"bare", "metrics"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				st := memstore.New()
				make := lease.NewKeeper
				if name == "metrics" {
					m, _ := newMetrics(b)
					make = m.NewKeeper
				}
				k, err := make(st, lease.Config{TTL: 3 * heartbeat, Heartbeat: heartbeat})
				if err != nil {
					b.Fatal(err)
				}
				for i := range leases {
					if _, err := k.Acquire(context.Background(), fmt.Sprint(i), []byte("v")); err != nil {
						b.Fatal(err)
					}
				}
				before := cpu()
				b.StartTimer()
				time.Sleep(heartbeats * heartbeat)
				b.ReportMetric(float64((cpu()-before).Microseconds())/1000/heartbeats, "cpu-ms")
				if held := k.Stats().Held; held != leases {
					b.Fatalf("%d leases are left", held)
				}
				_ = k.Close(context.Background())
				_ = st.Close()
			}
		})
	}
}

// cpu is the processor's time of the process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
