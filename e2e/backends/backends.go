// Package backends is the table of stores that tests range over. Each row has real servers, a
// store opened as users open it, a program that does not use this library, and the faults that
// a test can cause.
//
// A test package calls [built.Main] from its TestMain, for the servers that are
// built first.
package backends

import (
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// Variable is the environment variable with the names of rows, separated by commas. Tests range
// over these rows; without the variable, over the rows that are not Extra.
const Variable = "LEASEHOLD_BACKENDS"

// Row is a backend: servers and a kind of client.
type Row struct {
	Name    string
	Servers string // "redis" or "etcd": whose program they run; empty for memory
	Client  string // how a program is connected, in words
	Extra   bool   // tests range over the row only if Variable names it

	ttl     time.Duration
	start   func(testing.TB) servers
	several bool // servers, which take seconds to agree
}

// Rows returns all rows.
func Rows() []Row {
	const (
		brief = time.Second
		slots = 2 * time.Second // a list reads as many indices as there are slots
	)
	return []Row{
		{Name: "redis", Servers: "redis", Client: "NewClient (RESP3, retries on)", ttl: brief, start: startRedis(oneRedis{})},
		{Name: "redis-sentinel", Servers: "redis", Client: "NewFailoverClient", ttl: brief, start: startSentinel(failover{}), several: true},
		{Name: "redis-cluster", Servers: "redis", Client: "NewClusterClient", ttl: slots, start: startCluster(""), several: true},
		{Name: "etcd", Servers: "etcd", Client: "one member", ttl: brief, start: startEtcd(oneEtcd{})},
		{Name: "etcd-three", Servers: "etcd", Client: "three members", ttl: brief, start: startMembers, several: true},
		{Name: "memory", ttl: brief / 2, start: startMemory},

		{Name: "redis-resp2", Servers: "redis", Client: "Protocol: 2", Extra: true, ttl: brief, start: startRedis(oneRedis{query: "protocol=2"})},
		{Name: "redis-caching", Servers: "redis", Client: "ClientSideCacheConfig", Extra: true, ttl: brief, start: startRedis(oneRedis{options: caching})},
		{Name: "redis-one-connection", Servers: "redis", Client: "PoolSize: 1", Extra: true, ttl: brief, start: startRedis(oneRedis{query: "pool_size=1"})},
		{Name: "redis-no-retries", Servers: "redis", Client: "MaxRetries: -1", Extra: true, ttl: brief, start: startRedis(oneRedis{query: "max_retries=-1"})},
		{Name: "redis-db5", Servers: "redis", Client: "DB: 5", Extra: true, ttl: brief, start: startRedis(oneRedis{query: "db=5"})},
		{Name: "redis-hooks", Servers: "redis", Client: "AddHook", Extra: true, ttl: brief, start: startRedis(oneRedis{client: hooked})},
		{Name: "redis-context-timeout", Servers: "redis", Client: "ContextTimeoutEnabled", Extra: true, ttl: brief, start: startRedis(oneRedis{options: contextTimeout})},
		{Name: "redis-user", Servers: "redis", Client: "a user with the rights of docs/operations.md", Extra: true, ttl: brief, start: startRedis(oneRedis{user: true})},
		{Name: "redis-tls", Servers: "redis", Client: "TLS", Extra: true, ttl: brief, start: startRedis(oneRedis{tls: true})},
		{Name: "redis-sentinel-db5", Servers: "redis", Client: "NewFailoverClient, DB: 5", Extra: true, ttl: brief, start: startSentinel(failover{query: "db=5"}), several: true},
		{Name: "redis-sentinel-latency", Servers: "redis", Client: "NewFailoverClusterClient, RouteByLatency", Extra: true, ttl: brief, start: startSentinel(failover{query: "route_by_latency=true", routed: true}), several: true},
		{Name: "redis-sentinel-latency-db5", Servers: "redis", Client: "NewFailoverClusterClient, RouteByLatency, DB: 5", Extra: true, ttl: brief, start: startSentinel(failover{query: "route_by_latency=true&db=5", routed: true}), several: true},
		{Name: "redis-cluster-readonly", Servers: "redis", Client: "NewClusterClient with replicas, ReadOnly", Extra: true, ttl: slots, start: startCluster("read_only=true"), several: true},
		{Name: "redis-cluster-latency", Servers: "redis", Client: "NewClusterClient with replicas, RouteByLatency", Extra: true, ttl: slots, start: startCluster("route_by_latency=true"), several: true},
		{Name: "redis-cluster-random", Servers: "redis", Client: "NewClusterClient with replicas, RouteRandomly", Extra: true, ttl: slots, start: startCluster("route_randomly=true"), several: true},
		{Name: "etcd-namespace", Servers: "etcd", Client: "client/v3/namespace", Extra: true, ttl: brief, start: startEtcd(oneEtcd{namespace: "tenant/"})},
		{Name: "etcd-user", Servers: "etcd", Client: "a user with the rights of docs/operations.md, tokens that last 2 s", Extra: true, ttl: brief, start: startEtcd(oneEtcd{user: true})},
		{Name: "etcd-tls", Servers: "etcd", Client: "TLS", Extra: true, ttl: brief, start: startEtcd(oneEtcd{tls: true})},
	}
}

// chosen returns the rows that tests range over.
func chosen(t testing.TB) (rows []Row) {
	t.Helper()
	names := os.Getenv(Variable)
	if names == "" {
		return slices.DeleteFunc(Rows(), func(r Row) bool { return r.Extra })
	}
	for name := range strings.SplitSeq(names, ",") {
		rows = append(rows, named(t, name))
	}
	return rows
}

func named(t testing.TB, name string) Row {
	t.Helper()
	rows := Rows()
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("there is no backend %q; those of package backends are listed in Rows", name)
	}
	return rows[i]
}

// servers are the running servers of a backend.
type servers interface {
	// place returns a place for a part of a test. The cleanup of t removes its data.
	place(t testing.TB) *Place
}

// Each runs a test on every backend at the same time; with -short, on backends of one server
// alone. It does not use t.Parallel, because the number of processors limits that, and these
// tests wait most of the time.
func Each(t *testing.T, test func(*testing.T, *Group)) {
	var all sync.WaitGroup
	for _, b := range chosen(t) {
		all.Go(func() {
			t.Run(b.Name, func(t *testing.T) {
				if b.several {
					full.Only(t)
				}
				g := &Group{TTL: b.ttl, start: b.start}
				t.Cleanup(g.stop)
				test(t, g)
			})
		})
	}
	all.Wait()
}

// Group is one backend in a test of several parts. It starts servers when a part
// needs some that no other part has.
type Group struct {
	// TTL is a time to live that is worth waiting for.
	TTL time.Duration

	start func(testing.TB) servers

	mu   sync.Mutex
	idle []*running
}

// Place returns servers without data, which t has to itself until it ends. After a
// failed test their state is unknown: they are stopped.
func (g *Group) Place(t testing.TB) *Place {
	t.Helper()
	s := g.take()
	t.Cleanup(func() { // after those of the place
		if t.Failed() {
			s.stop()
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.idle = append(g.idle, s)
	})
	if s.servers == nil {
		s.TB = t
		s.servers = g.start(s)
	}
	p := s.place(t)
	p.TTL = g.TTL
	return p
}

// take returns servers that are idle, or none that run.
func (g *Group) take() *running {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := len(g.idle) - 1
	if last < 0 {
		return new(running)
	}
	s := g.idle[last]
	g.idle = g.idle[:last]
	return s
}

// stop stops all servers, once no test has any.
func (g *Group) stop() {
	for _, s := range g.idle {
		s.stop()
	}
}

// Place is the servers of a backend for a test that has them to itself.
type Place struct {
	testing.TB

	// TTL is the group's.
	TTL time.Duration

	// URL is the servers' address and the row's client, as the example's -store takes
	// them. It is empty for a store that other processes cannot reach, and for a client
	// that no URL describes.
	URL string

	// Outsider is a program that uses the servers without this library, nil
	// where none can.
	Outsider *storetest.Outsider

	Faults
	open func(testing.TB, *lines) (store.Store, error)
	*lines
}

// Faults are the faults that a test can cause on the servers of a place; storetest.Fixture
// describes each. All are nil for memory.
type Faults struct {
	// Restart has another server take over, where there is one that can: a
	// replica, or a member that becomes the leader.
	Restart      func()
	RestartEmpty func()

	Pause, Resume func()
}

// For returns the same place for a part of the test. The stores that the part opens are closed
// at its end.
func (p *Place) For(t testing.TB) *Place {
	part := *p
	part.TB = t
	return &part
}

// Open returns a store with a client of its own, as one more program has. It is
// closed when the test ends.
func (p *Place) Open() store.Store {
	p.Helper()
	st, err := p.open(p.TB, p.lines)
	if err != nil {
		p.Fatal(err)
	}
	return st
}

// Fixture returns the place as the conformance suite takes it.
func (p *Place) Fixture() storetest.Fixture {
	f := storetest.Fixture{
		Store: p.Open(), Peer: p.Open(), Outsider: p.Outsider,
		Restart: p.Restart, RestartEmpty: p.RestartEmpty, Pause: p.Pause, Resume: p.Resume,
	}
	if p.Pause != nil {
		f.Cut = p.Cut
	}
	return f
}
