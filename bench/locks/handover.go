package locks

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/bsm/redislock"
	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/figures"
	"github.com/leasehold-go/leasehold/lease"
)

// settle and etcdSettle are how long a waiter has until the key is released. It has found
// the key held and waits by then. A member of etcd takes up to 100 ms until a watch that
// began at its current revision, like that of concurrency.Mutex, is told of changes at
// once.
const (
	settle     = 5 * time.Millisecond
	etcdSettle = 120 * time.Millisecond
)

// pair is one contender. Its two sides have a client each and hand a key to each other.
type pair [2]lock

// handover measures the time from the call that releases a key until the waiter on another
// client has it.
func handover(ctx context.Context, b *bench) error {
	addr := b.redis.Addr()
	pairs := make([]pair, 5)
	for side := range 2 {
		st, err := b.redisStore(ctx, addr)
		if err != nil {
			return err
		}
		k, err := b.keeper(st, lease.Config{TTL: TTL})
		if err != nil {
			return err
		}
		rueidis, err := b.rueidisLock()
		if err != nil {
			return err
		}
		hand, err := b.subscriber(ctx, addr, "handover:by-hand")
		if err != nil {
			return err
		}
		polled := bsm(b.dial(addr), &redislock.Options{RetryStrategy: redislock.LinearBackoff(100 * time.Millisecond)})
		polled.retry = 100 * time.Millisecond
		spread := redlock(b.dial(addr))
		spread.retry = 250 * time.Millisecond
		for i, l := range []lock{held(k, lease.WithWait()), hand, rueidis, polled, spread} {
			pairs[i][side] = l
		}
	}
	return b.handovers(ctx, pairs, b.Handovers, settle)
}

// handovers gives the pairs their turns of n handovers. A pair that polls has a fiftieth
// of them. At the end it reports the quantiles of all rounds together.
func (b *bench) handovers(ctx context.Context, pairs []pair, n int, settle time.Duration) error {
	all := make([][]float64, len(pairs))
	err := b.rounds(ctx, b.Rounds, len(pairs), func(i int) error {
		count := n
		if pairs[i][0].retry > 0 {
			count = max(2, n/50)
		}
		lasted, err := pairs[i].exchange(ctx, count, settle, b.log)
		if err != nil {
			return fmt.Errorf("%s: %w", pairs[i][0].name, err)
		}
		all[i] = append(all[i], lasted...)
		return b.report(pairs[i][0].name, "", count, metric{figures.SpreadOf(lasted).Median, "ms/op"})
	})
	if err != nil {
		return err
	}
	for i, lasted := range all {
		if err := b.report(pairs[i][0].name, "/pooled", len(lasted), quantiles(lasted)...); err != nil {
			return err
		}
	}
	return nil
}

// quantiles sums up the handovers of all rounds, in milliseconds.
func quantiles(lasted []float64) []metric {
	slices.Sort(lasted)
	median, p99 := figures.Quantile(lasted, 0.5), figures.Quantile(lasted, 0.99)
	return []metric{{median, "p50-ms"}, {p99, "p99-ms"}, {p99 / median, "p99/p50"}}
}

// handoverLimit is how long a waiter has after a release. One that has not been woken by
// then counts with that time; the next handover begins anew.
const handoverLimit = 10 * time.Second

// exchange hands a key over n times and returns how long each took, in milliseconds.
// Each waiter has the time settle, and a random part of its retry interval, before.
func (p pair) exchange(ctx context.Context, n int, settle time.Duration, log io.Writer) (lasted []float64, err error) {
	key := "handover:" + p[0].name
	holder, err := p[0].acquire(ctx, key)
	if err != nil {
		return nil, err
	}
	for i := range n {
		waiting, giveUp := context.WithCancelCause(ctx) // of rueidislock the lock ends with it, too
		defer giveUp(nil)
		next := make(chan holding, 1)
		go func() { next <- p[(i+1)%2].take(waiting, key) }()
		time.Sleep(settle + time.Duration(rand.Int64N(int64(p[0].retry)+1)))
		began := time.Now()
		limit := time.AfterFunc(handoverLimit, func() { giveUp(context.DeadlineExceeded) })
		if err := holder(ctx); err != nil {
			giveUp(nil)
			<-next
			return nil, err
		}
		now := <-next
		limit.Stop()
		if now.err != nil && context.Cause(waiting) == context.DeadlineExceeded && ctx.Err() == nil {
			fmt.Fprintf(log, "%s: a waiter was not woken within %v\n", p[0].name, handoverLimit)
			now.at = time.Now()
			now.release, now.err = p[(i+1)%2].acquire(ctx, key)
		}
		if now.err != nil {
			return nil, now.err
		}
		lasted = append(lasted, milliseconds(now.at.Sub(began)))
		holder = now.release
	}
	return lasted, holder(ctx)
}

// holding is the result of a waiter: its release, or its error, and the time.
type holding struct {
	release release
	at      time.Time
	err     error
}

func (l lock) take(ctx context.Context, key string) holding {
	release, err := l.acquire(ctx, key)
	return holding{release, time.Now(), err}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// subscriber is a lock by hand on one key. Its release publishes on a channel, and its
// waiter, subscribed to that channel, tries again after each message.
func (b *bench) subscriber(ctx context.Context, addr, key string) (lock, error) {
	client := b.dial(addr)
	heard, err := b.subscribe(ctx, client, key)
	if err != nil {
		return lock{}, err
	}
	hand := raw("by-hand", client, deleteAndPublish)
	attempt := hand.acquire
	hand.acquire = func(ctx context.Context, key string) (release, error) {
		for {
			for len(heard) > 0 { // of earlier releases
				<-heard
			}
			release, err := attempt(ctx, key)
			if !isHeld(err) {
				return release, err
			}
			select {
			case <-heard:
			case <-time.After(TTL):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	return hand, nil
}

// subscribe listens for the releases of a key by hand.
func (b *bench) subscribe(ctx context.Context, client *redis.Client, key string) (<-chan *redis.Message, error) {
	sub := client.Subscribe(ctx, "freed:"+key)
	b.later(func() { sub.Close() })
	if _, err := sub.Receive(ctx); err != nil {
		return nil, err
	}
	return sub.Channel(), nil
}
