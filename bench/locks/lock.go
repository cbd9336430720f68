package locks

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/bsm/redislock"
	"github.com/go-redsync/redsync/v4"
	"github.com/go-redsync/redsync/v4/redis/goredis/v9"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislock"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// closeLimit is how long a contender may take to close.
const closeLimit = 2 * time.Minute

// value is the value of every record, unless the case has its own.
var value = []byte("holder-1")

// release ends one holding of a key.
type release func(context.Context) error

// lock is one contender: acquire takes a key or, if the contender waits, waits for it.
type lock struct {
	name    string
	acquire func(ctx context.Context, key string) (release, error)
	retry   time.Duration // longest time between two attempts of a waiter; zero if it is woken
}

// cycle acquires a key and releases it.
func (l lock) cycle(ctx context.Context, key string) error {
	release, err := l.acquire(ctx, key)
	if err != nil {
		return fmt.Errorf("%s: acquire: %w", l.name, err)
	}
	if err := release(ctx); err != nil {
		return fmt.Errorf("%s: release: %w", l.name, err)
	}
	return nil
}

// dial returns a new client with the default options.
func (b *bench) dial(addr string) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: addr})
	b.later(func() { client.Close() })
	return client
}

// redisStore returns a leasehold store on a client of its own.
func (b *bench) redisStore(ctx context.Context, addr string) (*redisstore.Store, error) {
	st, err := redisstore.New(ctx, b.dial(addr))
	if err == nil {
		b.later(func() { st.Close() })
	}
	return st, err
}

// keeper returns a keeper on a store, which is closed at the end of the case.
func (b *bench) keeper(st store.Store, cfg lease.Config) (*lease.Keeper, error) {
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		return nil, err
	}
	b.later(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		if err := k.Close(ctx); err != nil {
			fmt.Fprintf(b.log, "%s: close of a keeper: %.300v\n", b.name, err)
		}
	})
	return k, nil
}

// held is leasehold's lease from a keeper.
func held(k *lease.Keeper, opts ...lease.Option) lock {
	return lock{name: "leasehold", acquire: func(ctx context.Context, key string) (release, error) {
		l, err := k.Acquire(ctx, key, value, opts...)
		if err != nil {
			return nil, err
		}
		return l.Release, nil
	}}
}

// stored is leasehold's record from a store, without a keeper.
func stored(st store.Store) lock {
	return lock{name: "leasehold-store", acquire: func(ctx context.Context, key string) (release, error) {
		grant, err := st.Create(ctx, store.Claim{Key: key, Value: value, TTL: TTL, Nonce: store.NewNonce()})
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context) error { return st.Delete(ctx, key, store.ByToken(grant.Token)) }, nil
	}}
}

var (
	compareAndDelete = redis.NewScript(`
		if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
		return 0`)
	compareAndExtend = redis.NewScript(`
		if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
		return 0`)
	deleteAndPublish = redis.NewScript(`
		if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
		redis.call('PUBLISH', 'freed:' .. KEYS[1], '')
		return redis.call('DEL', KEYS[1])`)
)

// raw is a lock by hand that does not wait. Its release runs the script.
func raw(name string, client redis.Cmdable, script *redis.Script) lock {
	return lock{name: name, acquire: func(ctx context.Context, key string) (release, error) {
		nonce := rand.Text()
		taken, err := client.SetNX(ctx, key, nonce, TTL).Result()
		if err != nil {
			return nil, err
		}
		if !taken {
			return nil, store.ErrHeld
		}
		return func(ctx context.Context) error {
			n, err := script.Run(ctx, client, []string{key}, nonce).Int()
			if err == nil && n != 1 {
				return store.ErrLost
			}
			return err
		}, nil
	}}
}

// bsm is bsm/redislock.
func bsm(client *redis.Client, opt *redislock.Options) lock {
	locker := redislock.New(client)
	return lock{name: "redislock", acquire: func(ctx context.Context, key string) (release, error) {
		l, err := locker.Obtain(ctx, key, TTL, opt)
		if err != nil {
			return nil, err
		}
		return l.Release, nil
	}}
}

// redlock is go-redsync/redsync on one server.
func redlock(client *redis.Client, opts ...redsync.Option) lock {
	rs := redsync.New(goredis.NewPool(client))
	opts = append(opts, redsync.WithExpiry(TTL))
	return lock{name: "redsync", acquire: func(ctx context.Context, key string) (release, error) {
		m := rs.NewMutex(key, opts...)
		if err := m.LockContext(ctx); err != nil {
			return nil, err
		}
		return func(ctx context.Context) error {
			ok, err := m.UnlockContext(ctx)
			if err == nil && !ok {
				return store.ErrLost
			}
			return err
		}, nil
	}}
}

// rueidisLock is redis/rueidis/rueidislock with a majority of 1.
func (b *bench) rueidisLock() (lock, error) {
	locker, err := rueidislock.NewLocker(rueidislock.LockerOption{
		ClientOption: rueidis.ClientOption{InitAddress: []string{b.redis.Addr()}},
		KeyValidity:  TTL, KeyMajority: 1, NoLoopTracking: true,
		TryNextAfter: time.Second, // a slow machine must not make it give an attempt up
	})
	if err != nil {
		return lock{}, err
	}
	b.later(locker.Close)
	return lock{name: "rueidislock", acquire: func(ctx context.Context, key string) (release, error) {
		_, cancel, err := locker.WithContext(ctx, key)
		if err != nil {
			return nil, err
		}
		return func(context.Context) error { cancel(); return nil }, nil
	}}, nil
}

// redisLocks are all contenders that acquire and release on Redis.
func (b *bench) redisLocks(ctx context.Context) ([]lock, error) {
	addr := b.redis.Addr()
	st, err := b.redisStore(ctx, addr)
	if err != nil {
		return nil, err
	}
	k, err := b.keeper(st, lease.Config{TTL: TTL})
	if err != nil {
		return nil, err
	}
	bare, err := b.redisStore(ctx, addr)
	if err != nil {
		return nil, err
	}
	piped, err := b.dial(addr).AutoPipeline()
	if err != nil {
		return nil, err
	}
	b.later(func() { piped.Close() })
	rueidis, err := b.rueidisLock()
	if err != nil {
		return nil, err
	}
	return []lock{
		held(k), stored(bare),
		raw("raw", b.dial(addr), compareAndDelete), raw("raw-piped", piped, compareAndDelete),
		bsm(b.dial(addr), nil), redlock(b.dial(addr), redsync.WithTries(1)), rueidis,
	}, nil
}
