package backends

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/internal/child"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// oneRedis is how a program is connected to one server.
type oneRedis struct {
	query   string               // of the URL, for what a URL can say
	options func(*redis.Options) // for the rest; nil if there is none
	client  func(*redis.Client)  // likewise, once there is a client
	user    bool                 // one that has the rights of docs/operations.md
	tls     bool
}

func caching(o *redis.Options)        { o.ClientSideCacheConfig = &redis.ClientSideCacheConfig{} }
func contextTimeout(o *redis.Options) { o.ContextTimeoutEnabled = true }

// hooked adds a hook that counts commands, as hooks for metrics and traces do.
func hooked(c *redis.Client) { c.AddHook(new(counting)) }

type counting struct{ commands, failed atomic.Int64 }

func (h *counting) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *counting) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.commands.Add(1)
		err := next(ctx, cmd)
		if cmd.Err() != nil {
			h.failed.Add(1)
		}
		return err
	}
}

func (h *counting) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.commands.Add(int64(len(cmds)))
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			if cmd.Err() != nil {
				h.failed.Add(1)
			}
		}
		return err
	}
}

type alone struct {
	*redistest.Server
	oneRedis
	url string
}

func startRedis(as oneRedis) func(testing.TB) servers {
	return func(t testing.TB) servers {
		r := alone{oneRedis: as}
		switch {
		case as.user:
			args := []string{"--user", "worker", "on", ">secret", "~*"} // the keys of the suites have no common prefix
			for _, right := range RedisRights(t) {
				if !strings.HasPrefix(right, "~") {
					args = append(args, right)
				}
			}
			r.Server = redistest.Start(t, args...)
			r.url = "redis://worker:secret@" + r.Addr()
		case as.tls:
			certificate, key := Certificate(t)
			err := child.OnFreePorts(1, func(ports []string) error {
				i, err := redistest.Run(t.TempDir(), "--tls-port", ports[0], "--tls-auth-clients", "no",
					"--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
				if err == nil {
					t.Cleanup(i.Stop)
					r.Server = redistest.Of(t, i)
					r.url = "rediss://127.0.0.1:" + ports[0] + "?skip_verify=true"
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		default:
			r.Server = redistest.Start(t)
			r.url = r.URL()
			if as.query != "" {
				r.url += "?" + as.query
			}
		}
		return r
	}
}

func (r alone) place(t testing.TB) *Place {
	s := r.For(t)
	options, err := redis.ParseURL(r.url)
	if err != nil {
		t.Fatal(err)
	}
	if r.options != nil {
		r.options(options)
	}
	connect := func(l *lines) redis.UniversalClient {
		o := *options
		if o.TLSConfig == nil {
			o.Dialer = l.dial
		} else {
			o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := l.dial(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return tls.Client(conn, options.TLSConfig), nil
			}
		}
		c := redis.NewClient(&o)
		if r.client != nil {
			r.client(c)
		}
		return c
	}
	other := redis.NewClient(&redis.Options{Addr: s.Addr(), DB: options.DB})
	t.Cleanup(func() { other.Close() })
	flush := func() error { return other.FlushAll(context.Background()).Err() }
	url := r.url
	if r.options != nil || r.client != nil {
		url = ""
	}
	return onRedis(t, url, connect, other, flush, Faults{s.Restart, s.RestartEmpty, s.Pause, s.Resume})
}

// failover is how a program is connected to servers behind a sentinel.
type failover struct {
	query  string
	routed bool // by NewFailoverClusterClient, which reads from replicas too
}

type watched struct {
	*redistest.Sentinel
	failover
}

// startSentinel starts servers with a sentinel that replaces no silent master within a test:
// only Restart has a replica take over.
func startSentinel(as failover) func(testing.TB) servers {
	return func(t testing.TB) servers { return watched{redistest.StartSentinel(t, 20*time.Second), as} }
}

func (r watched) place(t testing.TB) *Place {
	s := r.For(t)
	url := s.URL()
	if r.query != "" {
		url += "&" + r.query
	}
	options, err := redis.ParseFailoverURL(strings.Replace(url, "redis+sentinel:", "redis:", 1))
	if err != nil {
		t.Fatal(err)
	}
	var routed routedClients
	connect := func(l *lines) redis.UniversalClient {
		o := *options
		o.Dialer = l.dial
		if r.routed {
			return routed.add(redis.NewFailoverClusterClient(&o))
		}
		return redis.NewFailoverClient(&o)
	}
	other := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: options.MasterName, SentinelAddrs: []string{s.Addr()}, DB: options.DB})
	t.Cleanup(func() { other.Close() })
	flush := func() error { return s.Master().Client().FlushAll(context.Background()).Err() }
	if r.routed {
		url = ""
	}
	restart := func() {
		s.Failover()
		routed.awaitMaster(t, s.Master().Addr())
	}
	return onRedis(t, url, connect, other, flush, Faults{restart, s.RestartEmpty, s.Pause, s.Resume})
}

// routedClients are clients of NewFailoverClusterClient. They do not follow the sentinel. Each
// looks for the master again after a refused command, so the first call of a store after a
// failover can be unavailable.
type routedClients struct {
	mu  sync.Mutex
	all []*redis.ClusterClient
}

func (c *routedClients) add(client *redis.ClusterClient) *redis.ClusterClient {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, client)
	return client
}

// awaitMaster returns once each client that is open knows the master.
func (c *routedClients) awaitMaster(t testing.TB, addr string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	late := time.Now().Add(time.Minute)
	for _, client := range c.all {
		for {
			client.ReloadState(context.Background())
			master, err := client.MasterForKey(context.Background(), "any")
			if errors.Is(err, redis.ErrClosed) || err == nil && port(master.Options().Addr) == port(addr) {
				break
			}
			if time.Now().After(late) {
				t.Fatalf("a client does not learn of the new master: %v, %v", master, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// port is that of an address. A client may know a server of this machine without its host.
func port(addr string) string { return addr[strings.LastIndexByte(addr, ':'):] }

// sharded is a Cluster, with the query of the URL of its clients.
type sharded struct {
	*redistest.Cluster
	query string
}

// startCluster starts three masters, and a replica of each if there is a query, which is
// about reading from them.
func startCluster(query string) func(testing.TB) servers {
	return func(t testing.TB) servers {
		c := redistest.StartCluster(t, 3)
		if query != "" {
			for _, master := range c.Masters {
				c.Follower(master)
			}
		}
		return sharded{c, query}
	}
}

func (r sharded) place(t testing.TB) *Place {
	s := r.For(t)
	url := s.URL()
	if r.query != "" {
		url += "?" + r.query
	}
	options, err := redis.ParseClusterURL("redis://" + s.Addrs()[0] + "?" + r.query)
	if err != nil {
		t.Fatal(err)
	}
	options.Addrs = s.Addrs()
	connect := func(l *lines) redis.UniversalClient {
		o := *options
		o.Dialer = l.dial
		return redis.NewClusterClient(&o)
	}
	client := s.Client()
	flush := func() error {
		return client.ForEachMaster(context.Background(), func(ctx context.Context, c *redis.Client) error {
			return c.FlushAll(ctx).Err()
		})
	}
	faults := Faults{s.Restart, s.RestartEmpty, s.Pause, s.Resume}
	if r.query != "" {
		faults.Restart, faults.RestartEmpty = nil, nil // a Cluster with replicas cannot be restarted
	}
	return onRedis(t, url, connect, client, flush, faults)
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
