package locks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// fleetRounds is how often at most the fleet is made and given back.
const fleetRounds = 3

// valueSize is the size of a value of the fleet, in bytes.
const valueSize = 100

// fleet is many leases in one process: CPU time of the client in a heartbeat period, live
// heap, and the release of all of them, beside pipelines of scripts by hand.
func fleet(ctx context.Context, b *bench) error {
	hand := newPipeline(b.dial(b.redis.Addr()), "raw-fleet:", b.Leases, string(bytes.Repeat([]byte("x"), valueSize)), 10*time.Minute)
	turns := []func(context.Context, *bench) error{fleetOfLeases, hand.fleet}
	return b.rounds(ctx, min(b.Rounds, fleetRounds), len(turns), func(i int) error {
		if err := turns[i](ctx, b); err != nil {
			return err
		}
		return b.flush()
	})
}

// acquireAttempts is how often a lease of the fleet is tried.
const acquireAttempts = 20

// leases is a fleet under way.
type leases struct {
	client  *redis.Client
	store   *redisstore.Store
	keeper  *lease.Keeper
	held    []lease.Lease
	heap    float64      // bytes a lease
	renewed atomic.Int64 // renewals that the store confirmed
	lost    atomic.Int64 // leases
}

// acquireAll acquires a fleet of leases. The live heap of a lease includes its key and its
// value, and not the slice of handles.
func acquireAll(ctx context.Context, b *bench, heartbeat time.Duration) (f *leases, err error) {
	f = &leases{held: make([]lease.Lease, b.Leases)}
	f.client = redis.NewClient(&redis.Options{Addr: b.redis.Addr()})
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.store, err = redisstore.New(ctx, f.client); err != nil {
		return nil, err
	}
	f.keeper, err = lease.NewKeeper(f.store, lease.Config{
		TTL: 3 * heartbeat, Heartbeat: heartbeat,
		OnRenew: func(r lease.RenewAttempt) {
			if r.Err == nil {
				f.renewed.Add(1)
			}
		},
		OnLoss: func(*lease.LostError) { f.lost.Add(1) },
	})
	if err != nil {
		return nil, err
	}
	// The connections of as many callers are open before the heap is measured.
	err = parallel(ctx, 8*b.Callers, b.Callers, func(ctx context.Context, i int) error {
		return held(f.keeper).cycle(ctx, fmt.Sprintf("warm:%d", i))
	})
	if err != nil {
		return nil, err
	}
	before := liveHeap()
	err = parallel(ctx, b.Leases, b.Callers, func(ctx context.Context, i int) (err error) {
		// An overloaded server leaves creates in doubt. Until the keeper has settled one, the
		// key may be held.
		for range acquireAttempts {
			f.held[i], err = f.keeper.Acquire(ctx, fmt.Sprintf("fleet:%d", i), bytes.Repeat([]byte("x"), valueSize))
			if !errors.Is(err, store.ErrInDoubt) && !errors.Is(err, store.ErrUnavailable) && !isHeld(err) {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		return err
	})
	f.heap = (liveHeap() - before) / float64(b.Leases)
	return f, err
}

// close ends a fleet and returns how long its keeper took.
func (f *leases) close() (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	began := time.Now()
	var err error
	if f.keeper != nil {
		err = f.keeper.Close(ctx)
	}
	took := time.Since(began)
	if f.store != nil {
		f.store.Close()
	}
	f.client.Close()
	return took, err
}

// left counts the records of a fleet that are still there.
func left(ctx context.Context, client *redis.Client, n int) (int, error) {
	count := 0
	for first := 0; first < n; first += batch {
		keys := make([]string, 0, batch)
		for i := first; i < min(first+batch, n); i++ {
			keys = append(keys, fmt.Sprintf("fleet:%d", i))
		}
		there, err := client.Exists(ctx, keys...).Result()
		if err != nil {
			return 0, err
		}
		count += int(there)
	}
	return count, nil
}

func liveHeap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // memory that finalizers of the first released
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// fleetOfLeases reports a fleet of leasehold's. The CPU time is that of one heartbeat
// period, for as many renewals as there are leases: heartbeats come up to a tenth early.
func fleetOfLeases(ctx context.Context, b *bench) error {
	f, err := acquireAll(ctx, b, b.Heartbeat)
	if err != nil {
		return err
	}
	cpu, renewed := clientCPU(), f.renewed.Load()
	time.Sleep(b.Heartbeat)
	cpu, renewed = clientCPU()-cpu, f.renewed.Load()-renewed
	lost := f.lost.Load()
	took, err := f.close()
	if err != nil {
		fmt.Fprintf(b.log, "%s: Keeper.Close: %.300v\n", b.name, err)
	}
	remain, err := left(ctx, b.client, b.Leases)
	if err != nil {
		return err
	}
	return b.report("leasehold", "", b.Leases,
		metric{cpu.Seconds() * float64(b.Leases) / float64(renewed), "client-s/period"},
		metric{f.heap, "B/lease"}, metric{milliseconds(took), "close-ms"}, metric{float64(remain), "left"}, metric{float64(lost), "lost"})
}

// fleet reports the same by hand: all keys are extended and then deleted.
func (p *pipeline) fleet(ctx context.Context, b *bench) error {
	if err := p.create(ctx); err != nil {
		return err
	}
	runtime.GC() // garbage of the turn before is not this one's
	cpu := clientCPU()
	if err := p.run(ctx, compareAndExtend, 0, len(p.keys)); err != nil {
		return err
	}
	cpu = clientCPU() - cpu
	began := time.Now()
	if err := p.run(ctx, compareAndDelete, 0, len(p.keys)); err != nil {
		return err
	}
	return b.report("by-hand", "", len(p.keys), metric{cpu.Seconds(), "client-s/period"}, metric{milliseconds(time.Since(began)), "close-ms"})
}

// soak holds a fleet over several heartbeat periods beside processes that take all CPU
// time they can get, one for each processor, and counts the leases that are lost.
func soak(ctx context.Context, b *bench) error {
	f, err := acquireAll(ctx, b, b.Soak)
	if err != nil {
		return err
	}
	defer f.close()
	for i := range runtime.NumCPU() {
		// The limit ends it even if this process cannot.
		limit := fmt.Sprint(int((closeLimit + time.Duration(b.Periods)*b.Soak).Seconds()))
		p, err := child.Start(filepath.Join(b.dir, fmt.Sprintf("burner%d.log", i)), "timeout", limit, "sh", "-c", "while :; do :; done")
		if err != nil {
			return err
		}
		defer p.Stop(time.Second) // timeout passes the signal on to the shell
	}
	before := f.renewed.Load()
	select {
	case <-time.After(time.Duration(b.Periods) * b.Soak):
	case <-ctx.Done():
		return ctx.Err()
	}
	ended := 0
	for _, l := range f.held {
		if l.Err() != nil {
			ended++
		}
	}
	remain, err := left(ctx, b.client, b.Leases)
	if err != nil {
		return err
	}
	return b.report("leasehold", "", b.Leases,
		metric{float64(max(int64(ended), f.lost.Load(), int64(b.Leases-remain))), "lost"},
		metric{float64(f.renewed.Load()-before) / float64(b.Leases), "renewals/lease"})
}
