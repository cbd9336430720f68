package locks

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/leasehold-go/leasehold/lease"
)

// flat lets callers acquire and release many times, and waiters of one key come and go,
// and reports the live heap and the goroutines that remain in the process. The first
// tenth of each does not count, for it opens connections and fills caches.
func flat(ctx context.Context, b *bench) error {
	st, err := b.redisStore(ctx, b.redis.Addr())
	if err != nil {
		return err
	}
	k, err := b.keeper(st, lease.Config{TTL: TTL})
	if err != nil {
		return err
	}
	keys := b.Callers
	err = b.leftBehind("/cycles", b.Cycles, func(n int) error {
		return parallel(ctx, n, keys, func(ctx context.Context, i int) error {
			for {
				err := held(k).cycle(ctx, fmt.Sprintf("flat:%d", i%keys))
				if !isHeld(err) { // by the caller of another turn with that key
					return err
				}
				runtime.Gosched()
			}
		})
	})
	if err != nil {
		return err
	}
	holder, err := k.Acquire(ctx, "flat", value)
	if err != nil {
		return err
	}
	err = b.leftBehind("/waiters", b.Comers, func(n int) error {
		err := parallel(ctx, n, 8*b.Callers, func(ctx context.Context, i int) error {
			ctx, cancel := context.WithTimeout(ctx, settle)
			defer cancel()
			_, err := k.Acquire(ctx, "flat", value, lease.WithWait())
			if errors.Is(err, context.DeadlineExceeded) {
				return nil
			}
			return fmt.Errorf("a waiter of a held key: %w", err)
		})
		if err != nil {
			return err
		}
		return held(k).cycle(ctx, "flat:0") // which comes after the calls of waiters that are still queued
	})
	return errors.Join(err, holder.Release(ctx))
}

// leftBehind reports the heap and the goroutines that n operations leave in the process. A
// tenth as many go before.
func (b *bench) leftBehind(part string, n int, do func(n int) error) error {
	if err := do(n / 10); err != nil {
		return err
	}
	heap, goroutines := liveHeap(), runtime.NumGoroutine()
	if err := do(n); err != nil {
		return err
	}
	return b.report("leasehold", part, n,
		metric{(liveHeap() - heap) / float64(n), "B-left/op"},
		metric{float64(runtime.NumGoroutine() - goroutines), "goroutines-left"})
}
