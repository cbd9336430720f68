package locks

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// alone is one caller that acquires and releases one key.
func alone(ctx context.Context, b *bench) error { return redisCycles(ctx, b, 1) }

// crowd is many callers, each with its own key.
func crowd(ctx context.Context, b *bench) error { return redisCycles(ctx, b, b.Callers) }

func redisCycles(ctx context.Context, b *bench, callers int) error {
	locks, err := b.redisLocks(ctx)
	if err != nil {
		return err
	}
	return b.cycles(ctx, locks, callers, redisCPU(b.client))
}

// cycles gives the locks their turns. Before the first round each has a short turn that
// does not count: it opens connections and loads scripts.
func (b *bench) cycles(ctx context.Context, locks []lock, callers int, serverCPU func(context.Context) (time.Duration, error)) error {
	for _, l := range locks {
		if _, err := turnOf(ctx, l, callers, b.Turn/4, serverCPU); err != nil {
			return err
		}
	}
	return b.rounds(ctx, b.Rounds, len(locks), func(i int) error {
		t, err := turnOf(ctx, locks[i], callers, b.Turn, serverCPU)
		if err != nil {
			return err
		}
		return b.report(locks[i].name, "", t.ops, t.metrics()...)
	})
}

// turn is the cost of a number of operations.
type turn struct {
	ops            int
	elapsed        time.Duration
	client, server time.Duration // CPU time; server is zero where it is not known
	allocs         uint64
}

func (t turn) metrics() []metric {
	n := float64(t.ops)
	micros := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / n }
	metrics := []metric{
		{micros(t.elapsed), "µs/op"},
		{n / t.elapsed.Seconds(), "ops/s"},
		{float64(t.allocs) / n, "allocs/op"},
		{micros(t.client), "client-µs/op"},
	}
	if t.server > 0 {
		metrics = append(metrics, metric{micros(t.server), "server-µs/op"})
	}
	return metrics
}

// turnOf lets callers acquire and release, each its own key, for a time.
func turnOf(ctx context.Context, l lock, callers int, d time.Duration, serverCPU func(context.Context) (time.Duration, error)) (turn, error) {
	keys := make([]string, callers)
	for i := range keys {
		keys[i] = fmt.Sprintf("cycle:%s:%d", l.name, i)
	}
	return measure(ctx, serverCPU, func() (int, error) {
		ctx, cancel := context.WithCancelCause(ctx) // so that the first error ends all
		defer cancel(nil)
		var ops atomic.Int64
		var wg sync.WaitGroup
		end := time.Now().Add(d)
		for _, key := range keys {
			wg.Go(func() {
				n := 0
				for n == 0 || time.Now().Before(end) {
					if err := l.cycle(ctx, key); err != nil {
						cancel(err)
						return
					}
					n++
				}
				ops.Add(int64(n))
			})
		}
		wg.Wait()
		return int(ops.Load()), context.Cause(ctx)
	})
}

// measure takes the cost of work, which returns its number of operations.
func measure(ctx context.Context, serverCPU func(context.Context) (time.Duration, error), work func() (int, error)) (turn, error) {
	server, err := serverCPU(ctx)
	if err != nil {
		return turn{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	client, began := clientCPU(), time.Now()
	ops, err := work()
	t := turn{ops: ops, elapsed: time.Since(began), client: clientCPU() - client}
	if err != nil {
		return turn{}, err
	}
	runtime.ReadMemStats(&after)
	t.allocs = after.Mallocs - before.Mallocs
	ended, err := serverCPU(ctx)
	t.server = ended - server
	return t, err
}

// unknownCPU is the CPU time of a server that is not measured.
func unknownCPU(context.Context) (time.Duration, error) { return 0, nil }

// clientCPU returns the CPU time that this process has used.
func clientCPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
