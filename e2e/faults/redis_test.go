package faults_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/store"
)

// onRedis is raw on Redis.
type onRedis struct {
	t      *testing.T
	client *redis.Client
}

func besideRedis(t *testing.T, servers *backends.Place) raw {
	options, err := redis.ParseURL(servers.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { client.Close() })
	return onRedis{t, client}
}

// do sends a command and returns whether it was answered with something.
func (p onRedis) do(args ...any) bool {
	p.t.Helper()
	err := p.client.Do(context.Background(), args...).Err()
	if err != nil && err != redis.Nil {
		p.t.Fatalf("%v: %v", args, err)
	}
	return err == nil
}

func (p onRedis) set(key, value, how string, ttl time.Duration) bool {
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

func (p onRedis) Set(key, value string, ttl time.Duration) { p.set(key, value, "", ttl) }
func (p onRedis) SetNX(key, value string, ttl time.Duration) bool {
	return p.set(key, value, "NX", ttl)
}
func (p onRedis) SetXX(key, value string, ttl time.Duration) bool {
	return p.set(key, value, "XX", ttl)
}
func (p onRedis) SetKeepTTL(key, value string) { p.do("SET", key, value, "KEEPTTL") }
func (p onRedis) Del(key string)               { p.do("DEL", key) }

func (p onRedis) Expire(key string, ttl time.Duration) {
	if ttl == 0 {
		p.do("PERSIST", key)
	} else {
		p.do("PEXPIRE", key, ttl.Milliseconds())
	}
}

func (p onRedis) Get(key string) (string, time.Duration, bool) {
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

func (p onRedis) Expiry(key string) string {
	return p.client.PExpireTime(context.Background(), key).Val().String()
}
