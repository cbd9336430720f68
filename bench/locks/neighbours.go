package locks

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func isHeld(err error) bool { return errors.Is(err, store.ErrHeld) }

// parallel calls f for each of n with a number of goroutines, and returns the first
// error.
func parallel(ctx context.Context, n, goroutines int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var next atomic.Int64
	for range goroutines {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// renewals is how often the holder of the case Neighbours renews its record meanwhile. Its
// TTL, three times the interval, passes once: a waiter looks at the record again when that
// could have expired.
const renewals = 4

// neighbours counts the commands, in scripts too, that the server executes for one waiter
// while its key stays held, beside many keys that begin like the waiter's. The holder's
// own renewals are counted without a waiter first, and subtracted. Nothing else is
// renewed: the neighbours outlive the case.
func neighbours(ctx context.Context, b *bench) error {
	st, err := b.redisStore(ctx, b.redis.Addr())
	if err != nil {
		return err
	}
	const long = 30 * time.Minute
	create := func(ctx context.Context, key string, ttl time.Duration) (store.Token, error) {
		grant, err := st.Create(ctx, store.Claim{Key: key, Value: value, TTL: ttl, Nonce: store.NewNonce()})
		return grant.Token, err
	}
	err = parallel(ctx, b.Neighbours, b.Callers, func(ctx context.Context, i int) error {
		_, err := create(ctx, fmt.Sprintf("job:1%06d", i), long)
		return err
	})
	if err != nil {
		return err
	}
	token, err := create(ctx, "job:1", 3*b.Watched/renewals)
	if err != nil {
		return err
	}
	holding := []store.Renewal{{Key: "job:1", Token: token}}
	alone, err := b.observe(ctx, st, holding)
	if err != nil {
		return err
	}
	waiter, err := b.redisStore(ctx, b.redis.Addr())
	if err != nil {
		return err
	}
	k, err := b.keeper(waiter, lease.Config{TTL: TTL})
	if err != nil {
		return err
	}
	waiting, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { _, err := k.Acquire(waiting, "job:1", value, lease.WithWait()); ended <- err }()
	defer func() { stop(); <-ended }()
	time.Sleep(b.Watched / renewals / 4) // the waiter has subscribed and done its reads
	beside, err := b.observe(ctx, st, holding)
	if err != nil {
		return err
	}
	select {
	case err := <-ended:
		ended <- err
		return fmt.Errorf("the waiter ended while the key was held: %w", err)
	default:
	}
	return b.report("leasehold", "", 1, metric{float64(max(0, beside-alone)), "commands"})
}

// observe counts the commands in a time of observation, while the holder renews.
func (b *bench) observe(ctx context.Context, st store.Store, holding []store.Renewal) (int, error) {
	if err := b.client.ConfigResetStat(ctx).Err(); err != nil {
		return 0, err
	}
	tick := time.NewTicker(b.Watched / renewals)
	defer tick.Stop()
	for range renewals {
		if answer := st.Renew(ctx, holding)[0]; answer.Err != nil {
			return 0, answer.Err
		}
		<-tick.C
	}
	info, err := b.client.Info(ctx, "commandstats").Result()
	if err != nil {
		return 0, err
	}
	return parseCalls(info, "ping", "info", "config|resetstat")
}

// listeners measures the cost of a release to the server beside one and beside many
// processes that listen: each has a connection, a store and a keeper with one lease, or
// by hand a subscription of its own key. The few and the many have a server each, so that
// they can take turns.
func listeners(ctx context.Context, b *bench) error {
	type contender struct {
		lock
		part string
		cpu  func(context.Context) (time.Duration, error)
	}
	var all []contender
	for _, n := range []int{1, b.Listeners} {
		server, err := redistest.Run(filepath.Join(b.dir, fmt.Sprintf("listeners%d", n)))
		if err != nil {
			return err
		}
		b.later(server.Stop)
		err = parallel(ctx, n, 1, func(ctx context.Context, i int) error { return b.listen(ctx, server.Addr(), i) })
		if err != nil {
			return err
		}
		st, err := b.redisStore(ctx, server.Addr())
		if err != nil {
			return err
		}
		k, err := b.keeper(st, lease.Config{TTL: TTL})
		if err != nil {
			return err
		}
		cpu := redisCPU(b.dial(server.Addr()))
		part := "/few"
		if n > 1 {
			part = "/many"
		}
		all = append(all, contender{held(k), part, cpu},
			contender{raw("by-hand", b.dial(server.Addr()), deleteAndPublish), part, cpu})
	}
	return b.rounds(ctx, b.Rounds, len(all), func(i int) error {
		t, err := turnOf(ctx, all[i].lock, 1, b.Turn, all[i].cpu)
		if err != nil {
			return err
		}
		return b.report(all[i].name, all[i].part, t.ops, t.metrics()...)
	})
}

// listen starts one process that listens, as far as the server can tell.
func (b *bench) listen(ctx context.Context, addr string, i int) error {
	st, err := b.redisStore(ctx, addr)
	if err != nil {
		return err
	}
	k, err := b.keeper(st, lease.Config{TTL: 10 * time.Minute})
	if err != nil {
		return err
	}
	if _, err := k.Acquire(ctx, fmt.Sprintf("listener:%d", i), value); err != nil {
		return err
	}
	_, err = b.subscribe(ctx, b.dial(addr), fmt.Sprintf("listener:%d", i))
	return err
}
