package redisstore_test

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storetest"
)

func TestConformance(t *testing.T) {
	full.Only(t)
	t.Parallel()
	storetest.Run(t, storetest.Harness{Parallel: 4, Open: func(t *testing.T) storetest.Fixture {
		server := redistest.Start(t)
		other := stranger{t, server.Client()}
		return storetest.Fixture{
			Store: open(t, server.Client()),
			Peer:  open(t, server.Client()),
			Outsider: &storetest.Outsider{
				Put: other.put, Overwrite: other.overwrite, PutOther: other.push, Delete: other.del, Get: other.get,
			},
			Restart:      server.Restart,
			RestartEmpty: server.RestartEmpty,
			Pause:        server.Pause,
			Resume:       server.Resume,
			Cut:          other.cut,
		}
	}})
}

// stranger is a program that sends Redis commands of its own.
type stranger struct {
	t      *testing.T
	client *redis.Client
}

func (c stranger) do(args ...any) any {
	c.t.Helper()
	reply, err := c.client.Do(c.t.Context(), args...).Result()
	if err != nil && err != redis.Nil {
		c.t.Fatalf("%v: %v", args, err)
	}
	return reply
}

func (c stranger) put(key string, value []byte, ttl time.Duration) {
	c.t.Helper()
	if ttl == store.Forever {
		c.do("SET", key, value)
		return
	}
	c.do("SET", key, value, "PX", ttl.Milliseconds())
}

func (c stranger) overwrite(key string, value []byte) {
	c.t.Helper()
	c.do("SET", key, value, "KEEPTTL")
}

func (c stranger) push(key string) {
	c.t.Helper()
	c.do("DEL", key)
	c.do("RPUSH", key, "foreign")
}

func (c stranger) del(key string) {
	c.t.Helper()
	c.do("DEL", key)
}

// get counts a value in its last millisecond as gone.
func (c stranger) get(key string) ([]byte, time.Duration) {
	c.t.Helper()
	var value []byte
	if c.do("TYPE", key) == "string" {
		text, _ := c.do("GET", key).(string)
		value = []byte(text)
	}
	switch left := c.do("PTTL", key).(int64); {
	case left == -1:
		return value, store.Forever
	case left > 0:
		return value, time.Duration(left) * time.Millisecond
	}
	return nil, 0
}

// cut closes every connection but its own.
func (c stranger) cut() {
	c.t.Helper()
	c.do("CLIENT", "KILL", "TYPE", "normal")
	c.do("CLIENT", "KILL", "TYPE", "pubsub")
}
