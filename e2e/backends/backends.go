// Package backends is the one table of stores that tests range over: each on real
// servers, opened as its users open it, with a program beside it that knows nothing
// of this library, and with the faults that its servers can have.
//
// A test package calls [built.Main] from its TestMain, for the servers that are
// built first.
package backends

import (
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/full"
	"github.com/leasehold-go/leasehold/store"
	"github.com/leasehold-go/leasehold/store/storetest"
)

// table has a row for each backend.
var table = []struct {
	name    string
	ttl     time.Duration
	start   func(testing.TB) servers
	several bool // servers, which take seconds to agree
}{
	{"redis", time.Second, startRedis, false},
	{"redis-sentinel", time.Second, startSentinel, true},
	{"redis-cluster", 2 * time.Second, startCluster, true}, // a list reads as many indices as there are slots
	{"etcd", time.Second, startEtcd, false},
	{"etcd-three", time.Second, startMembers, true},
	{"memory", time.Second / 2, startMemory, false},
}

// servers are those of a backend while they run.
type servers interface {
	// place returns what a part of a test gets. It has t clean up after it, so
	// that no data is left.
	place(t testing.TB) *Place
}

// Each runs a test on every backend at the same time; with -short, on those of one
// server. It does not use t.Parallel,
// which lets as many run as there are processors: most of the time such a test waits.
func Each(t *testing.T, test func(*testing.T, *Group)) {
	var all sync.WaitGroup
	for _, b := range table {
		all.Go(func() {
			t.Run(b.name, func(t *testing.T) {
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

// Place returns servers without data, which t has to itself until it ends. Those of a
// test that failed are in no known state, and are stopped then.
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

	// URL is the servers' address, as the example's -store takes it. It is empty
	// for a store that other processes cannot reach.
	URL string

	// Outsider is a program that uses the servers without this library, nil
	// where none can.
	Outsider *storetest.Outsider

	Faults
	open func(testing.TB, *lines) (store.Store, error)
	*lines
}

// Faults are what can happen to the servers of a place; storetest.Fixture says what
// each is. All are nil for memory.
type Faults struct {
	// Restart has another server take over, where there is one that can: a
	// replica, or a member that becomes the leader.
	Restart      func()
	RestartEmpty func()

	Pause, Resume func()
}

// For returns the same place for a part of the test, whose stores are closed at its
// end.
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
	if p.URL != "" {
		f.Cut = p.Cut
	}
	return f
}
