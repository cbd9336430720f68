package locks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// batch is how many renewals, or scripts of a pipeline by hand, are sent together.
const batch = 256

// batches is how many batches of keys the case Renew has.
const batches = 8

// renew is one caller that renews batches of keys with small values, one batch after
// another.
func renew(ctx context.Context, b *bench) error {
	st, err := b.redisStore(ctx, b.redis.Addr())
	if err != nil {
		return err
	}
	renewals := make([]store.Renewal, batches*batch)
	for i := range renewals {
		claim := store.Claim{Key: fmt.Sprintf("renewed:%d", i), Value: value, TTL: 10 * time.Minute, Nonce: store.NewNonce()}
		grant, err := st.Create(ctx, claim)
		if err != nil {
			return err
		}
		renewals[i] = store.Renewal{Key: claim.Key, Token: grant.Token}
	}
	hand := newPipeline(b.dial(b.redis.Addr()), "raw-renewed:", batches*batch, rand.Text(), 10*time.Minute)
	if err := hand.create(ctx); err != nil {
		return err
	}
	contenders := []struct {
		name  string
		renew func(first int) error
	}{
		{"leasehold-store", func(first int) error {
			var errs []error
			for _, answer := range st.Renew(ctx, renewals[first:first+batch]) {
				errs = append(errs, answer.Err)
			}
			return errors.Join(errs...)
		}},
		{"by-hand", func(first int) error { return hand.run(ctx, compareAndExtend, first, batch) }},
	}
	return b.rounds(ctx, b.Rounds, len(contenders), func(i int) error {
		t, err := measure(ctx, redisCPU(b.client), func() (n int, err error) {
			for end := time.Now().Add(b.Turn); err == nil && (n == 0 || time.Now().Before(end)); n += batch {
				err = contenders[i].renew(n % (batches * batch))
			}
			return n, err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", contenders[i].name, err)
		}
		return b.report(contenders[i].name, "", t.ops, t.metrics()...)
	})
}

// pipeline is a number of keys that are kept by hand, in pipelines of scripts.
type pipeline struct {
	client *redis.Client
	keys   []string
	value  string
	ttl    time.Duration
}

func newPipeline(client *redis.Client, prefix string, n int, value string, ttl time.Duration) *pipeline {
	p := &pipeline{client: client, value: value, ttl: ttl}
	for i := range n {
		p.keys = append(p.keys, fmt.Sprintf("%s%d", prefix, i))
	}
	return p
}

func (p *pipeline) create(ctx context.Context) error {
	for _, script := range []*redis.Script{compareAndExtend, compareAndDelete} {
		if err := script.Load(ctx, p.client).Err(); err != nil {
			return err
		}
	}
	return p.each(ctx, 0, len(p.keys), func(pipe redis.Pipeliner, key string) {
		pipe.Set(ctx, key, p.value, p.ttl)
	})
}

// run runs a script for each of n keys from the first, and fails unless all are its own.
func (p *pipeline) run(ctx context.Context, script *redis.Script, first, n int) error {
	return p.each(ctx, first, n, func(pipe redis.Pipeliner, key string) {
		pipe.EvalSha(ctx, script.Hash(), []string{key}, p.value, p.ttl.Milliseconds())
	})
}

func (p *pipeline) each(ctx context.Context, first, n int, add func(redis.Pipeliner, string)) error {
	for last := first + n; first < last; first += batch {
		pipe := p.client.Pipeline()
		for _, key := range p.keys[first:min(first+batch, last)] {
			add(pipe, key)
		}
		answers, err := pipe.Exec(ctx)
		if err != nil {
			return err
		}
		for _, answer := range answers {
			if cmd, ok := answer.(*redis.Cmd); ok && cmd.Val() != int64(1) {
				return fmt.Errorf("%v: %v, want 1", cmd.Args(), cmd.Val())
			}
		}
	}
	return nil
}
