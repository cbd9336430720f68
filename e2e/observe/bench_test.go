package observe_test

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/observe/leaseholdprom"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// BenchmarkMetricsOfAKeeper holds 10,000 leases for some heartbeats without and with metrics, in
// turn, and reports the processor's time of a heartbeat of all with metrics as a multiple of one
// without: x-cpu.
//
//	go test -run '^$' -bench MetricsOfAKeeper -benchtime 5x ./observe
func BenchmarkMetricsOfAKeeper(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		st := memstore.New()
		defer st.Close()
		compare(b, st)
	})
	b.Run("redis", func(b *testing.B) {
		st, err := redisstore.New(b.Context(), redistest.Start(b).Client())
		if err != nil {
			b.Fatal(err)
		}
		defer st.Close()
		compare(b, st)
	})
}

func compare(b *testing.B, st store.Store) {
	metrics, err := leaseholdprom.New(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	var bare, with time.Duration
	for b.Loop() {
		bare += hold(b, st, lease.NewKeeper)
		with += hold(b, st, metrics.NewKeeper)
	}
	b.ReportMetric(float64(with)/float64(bare), "x-cpu")
}

// hold returns the processor's time of this process for three heartbeats of 10,000 leases.
func hold(b *testing.B, st store.Store, newKeeper func(store.Store, lease.Config) (*lease.Keeper, error)) time.Duration {
	const leases, heartbeats, heartbeat = 10_000, 3, 2 * time.Second
	k, err := newKeeper(st, lease.Config{TTL: 3 * heartbeat, Heartbeat: heartbeat})
	if err != nil {
		b.Fatal(err)
	}
	for i := range leases {
		if _, err := k.Acquire(b.Context(), fmt.Sprint(i), []byte("v")); err != nil {
			b.Fatal(err)
		}
	}
	before := cpu()
	time.Sleep(heartbeats * heartbeat)
	took := cpu() - before
	if held := k.Stats().Held; held != leases {
		b.Fatalf("%d leases are left", held)
	}
	if err := k.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	return took
}

// cpu is the processor's time of the process.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
