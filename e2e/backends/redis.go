package backends

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
	"github.com/leasehold-go/leasehold/store/storetest"
)

type alone struct{ *redistest.Server }

func startRedis(t testing.TB) servers { return alone{redistest.Start(t)} }

func (r alone) place(t testing.TB) *Place {
	s := r.For(t)
	connect := func(l *lines) redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: s.Addr(), Dialer: l.dial})
	}
	flush := func() error { return s.Client().FlushAll(context.Background()).Err() }
	return onRedis(t, s.URL(), connect, s.Client(), flush, Faults{s.Restart, s.RestartEmpty, s.Pause, s.Resume})
}

type watched struct{ *redistest.Sentinel }

// startSentinel starts servers of which a silent one is not replaced within a test:
// that is what Restart does.
func startSentinel(t testing.TB) servers {
	return watched{redistest.StartSentinel(t, 20*time.Second)}
}

func (r watched) place(t testing.TB) *Place {
	s := r.For(t)
	connect := func(l *lines) redis.UniversalClient {
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: redistest.MasterName, SentinelAddrs: []string{s.Addr()}, Dialer: l.dial,
		})
	}
	flush := func() error { return s.Master().Client().FlushAll(context.Background()).Err() }
	return onRedis(t, s.URL(), connect, s.Client(), flush, Faults{s.Failover, s.RestartEmpty, s.Pause, s.Resume})
}

type sharded struct{ *redistest.Cluster }

func startCluster(t testing.TB) servers { return sharded{redistest.StartCluster(t, 3)} }

func (r sharded) place(t testing.TB) *Place {
	s := r.For(t)
	connect := func(l *lines) redis.UniversalClient {
		return redis.NewClusterClient(&redis.ClusterOptions{Addrs: s.Addrs(), Dialer: l.dial})
	}
	client := s.Client()
	flush := func() error {
		return client.ForEachMaster(context.Background(), func(ctx context.Context, c *redis.Client) error {
			return c.FlushAll(ctx).Err()
		})
	}
	return onRedis(t, s.URL(), connect, client, flush, Faults{s.Restart, s.RestartEmpty, s.Pause, s.Resume})
}

// onRedis returns a place that is flushed once its stores are closed. The client is
// of the program beside them.
func onRedis(t testing.TB, url string, connect func(*lines) redis.UniversalClient, client redis.UniversalClient,
	flush func() error, faults Faults) *Place {
	t.Cleanup(func() {
		if err := flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
	})
	other := plainRedis{t, client}
	return &Place{
		TB: t, URL: url, Faults: faults, lines: new(lines),
		Outsider: &storetest.Outsider{Put: other.put, Overwrite: other.overwrite, PutOther: other.push, Delete: other.del, Get: other.get},
		open: func(t testing.TB, l *lines) (store.Store, error) {
			client := connect(l)
			t.Cleanup(func() { client.Close() })
			st, err := redisstore.New(t.Context(), client)
			if err == nil {
				t.Cleanup(func() { st.Close() })
			}
			return st, err
		},
	}
}

// plainRedis is a program that sends Redis commands of its own.
type plainRedis struct {
	t      testing.TB
	client redis.UniversalClient
}

func (p plainRedis) do(args ...any) any {
	p.t.Helper()
	reply, err := p.client.Do(context.Background(), args...).Result()
	if err != nil && err != redis.Nil {
		p.t.Fatalf("%v: %v", args, err)
	}
	return reply
}

func (p plainRedis) put(key string, value []byte, ttl time.Duration) {
	p.t.Helper()
	if ttl == store.Forever {
		p.do("SET", key, value)
		return
	}
	p.do("SET", key, value, "PX", ttl.Milliseconds())
}

func (p plainRedis) overwrite(key string, value []byte) {
	p.t.Helper()
	p.do("SET", key, value, "KEEPTTL")
}

func (p plainRedis) push(key string) {
	p.t.Helper()
	p.del(key)
	p.do("RPUSH", key, "foreign")
}

func (p plainRedis) del(key string) {
	p.t.Helper()
	p.do("DEL", key)
}

// get counts a value in its last millisecond as gone.
func (p plainRedis) get(key string) ([]byte, time.Duration) {
	p.t.Helper()
	var value []byte
	if p.do("TYPE", key) == "string" {
		text, _ := p.do("GET", key).(string)
		value = []byte(text)
	}
	switch left := p.do("PTTL", key).(int64); {
	case left == -1:
		return value, store.Forever
	case left > 0:
		return value, time.Duration(left) * time.Millisecond
	}
	return nil, 0
}
