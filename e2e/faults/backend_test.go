package faults_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// raw is another program that writes beside a store, with the plain commands of
// the backend. A ttl of zero is none.
type raw interface {
	// Get returns what lies under a key and its time left, which is
	// store.Forever if it has no expiry, or false for nothing.
	Get(key string) (value string, left time.Duration, ok bool)
	// Expiry is the instant of the key's expiry, in the backend's words; it
	// stays the same while nobody moves it.
	Expiry(key string) string

	Set(key, value string, ttl time.Duration)              // SET [EX]
	SetNX(key, value string, ttl time.Duration) (set bool) // SET NX [EX]
	SetXX(key, value string, ttl time.Duration) (set bool) // SET XX [EX]
	SetKeepTTL(key, value string)                          // SET KEEPTTL
	Expire(key string, ttl time.Duration)                  // EXPIRE, PERSIST
	Del(key string)                                        // DEL
}

// backend is where the tests run. All that is ours goes through a store.Store, so
// another backend needs an entry here and nothing else.
type backend struct {
	name  string
	short time.Duration // a ttl to wait for
	start func(*testing.T) *place
}

var backends = []backend{{name: "redis", short: time.Second, start: startRedis}}

// place is one server of one test.
type place struct {
	*testing.T
	raw
	short time.Duration
	open  func() store.Store // a further program's own
}

// onEach runs a test on a fresh server of each backend.
func onEach(t *testing.T, test func(*place)) {
	t.Parallel()
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			p := b.start(t)
			p.short = b.short
			test(p)
		})
	}
}

func startRedis(t *testing.T) *place {
	server := redistest.Start(t)
	return &place{T: t, raw: plain{t, server.Client()}, open: func() store.Store {
		st, err := redisstore.New(t.Context(), server.Client())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		return st
	}}
}

// plain is raw on Redis.
type plain struct {
	t      testing.TB
	client *redis.Client
}

// do sends a command and returns whether it was answered with something.
func (p plain) do(args ...any) bool {
	p.t.Helper()
	err := p.client.Do(context.Background(), args...).Err()
	if err != nil && err != redis.Nil {
		p.t.Fatalf("%v: %v", args, err)
	}
	return err == nil
}

func (p plain) set(key, value, how string, ttl time.Duration) bool {
	p.t.Helper()
	args := []any{"SET", key, value}
	if how != "" {
		args = append(args, how)
	}
	switch {
	case ttl%time.Second != 0:
		args = append(args, "PX", ttl.Milliseconds())
	case ttl > 0:
		args = append(args, "EX", int(ttl.Seconds()))
	}
	return p.do(args...)
}

func (p plain) Set(key, value string, ttl time.Duration)        { p.set(key, value, "", ttl) }
func (p plain) SetNX(key, value string, ttl time.Duration) bool { return p.set(key, value, "NX", ttl) }
func (p plain) SetXX(key, value string, ttl time.Duration) bool { return p.set(key, value, "XX", ttl) }
func (p plain) SetKeepTTL(key, value string)                    { p.do("SET", key, value, "KEEPTTL") }
func (p plain) Del(key string)                                  { p.do("DEL", key) }

func (p plain) Expire(key string, ttl time.Duration) {
	if ttl == 0 {
		p.do("PERSIST", key)
	} else {
		p.do("PEXPIRE", key, ttl.Milliseconds())
	}
}

func (p plain) Get(key string) (string, time.Duration, bool) {
	p.t.Helper()
	ctx := context.Background()
	value, err := p.client.Get(ctx, key).Result()
	if err == redis.Nil {
		return "", 0, false
	}
	left, err2 := p.client.PTTL(ctx, key).Result()
	if err != nil || err2 != nil {
		p.t.Fatal(err, err2)
	}
	if left < 0 {
		left = store.Forever
	}
	return value, left, true
}

func (p plain) Expiry(key string) string {
	return p.client.PExpireTime(context.Background(), key).Val().String()
}
