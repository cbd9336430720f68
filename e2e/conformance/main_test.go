package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) {
	if strings.Contains(os.Getenv(backends.Variable), "redis-sentinel-latency") {
		// Close of a client of NewFailoverClusterClient leaves its subscription to the
		// sentinel (go-redis 9.23.0).
		built.Main(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9.(*sentinelFailover).listen"),
			goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9.(*channel).initHealthCheck.func1"),
			goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9.(*channel).initMsgChan.func1"))
	}
	built.Main(m)
}

const (
	// patience is how long a test waits for what has to come. Nothing is ever
	// expected to take that long.
	patience = 60 * time.Second
	// long is a ttl that does not end within a test.
	long = time.Hour
	// brief is one that ends within a test unless it is renewed.
	brief = 5 * time.Second
	// fleeting is one whose end a test waits for.
	fleeting = 2 * time.Second
	// tries is how often a test that needs a term to live for a while is begun on a
	// machine that is too slow for it.
	tries = 4
)

// scene is a backend for one test, and a key of its own.
type scene struct {
	*backends.Place
	key string
}

// rules are tests by name.
type rules map[string]func(*scene)

// inTime is a rule that relies on what a ttl ends. It says what came too late to prove
// anything, and is tried again then, on another key and with a ttl twice as long.
func inTime(ttl time.Duration, rule func(*scene, time.Duration) (slow error)) func(*scene) {
	return func(s *scene) {
		for n := 1; ; n++ {
			slow := rule(&scene{s.Place, fmt.Sprintf("%s/try %d", s.key, n)}, ttl)
			if slow == nil {
				return
			}
			if n == tries {
				s.Fatalf("the machine is too slow, or what it tests: %v, as in %d tries before", slow, tries-1)
			}
			ttl *= 2
			s.Logf("inconclusive, once more: %v", slow)
		}
	}
}

// expired is the error of a term that ended because its holder did not hear from the
// store in time, which on a slow machine proves nothing.
func expired(held lease.Lease) error {
	if err := held.Err(); errors.Is(err, lease.ErrExpired) {
		return err
	}
	return nil
}

// hold runs all of them on every backend, those of a backend at the same time on the
// same servers.
func (r rules) hold(t *testing.T) {
	backends.Each(t, func(t *testing.T, g *backends.Group) {
		p := g.Place(t)
		var all sync.WaitGroup
		for name, rule := range r {
			all.Go(func() {
				t.Run(name, func(t *testing.T) { rule(&scene{p.For(t), name}) })
			})
		}
		all.Wait()
	})
}

// holdAlone runs each of them on every backend whose servers can fail, on servers
// that no other uses.
func (r rules) holdAlone(t *testing.T) {
	backends.Each(t, func(t *testing.T, g *backends.Group) {
		if g.Place(t).Restart == nil {
			return
		}
		for name, rule := range r {
			t.Run(name, func(t *testing.T) { rule(&scene{g.Place(t), name}) })
		}
	})
}

// keep returns a keeper on a store of its own, as another program has.
func (s *scene) keep(ttl time.Duration) *lease.Keeper {
	s.Helper()
	return s.keepOn(s.Open(), ttl)
}

func (s *scene) keepOn(st store.Store, ttl time.Duration) *lease.Keeper {
	s.Helper()
	k, err := lease.NewKeeper(st, lease.Config{TTL: ttl, Heartbeat: min(ttl/5, time.Second)})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { k.Close(context.Background()) }) // what a test left held may not be there any more
	return k
}

// acquire takes the scene's key, which has to succeed.
func (s *scene) acquire(k *lease.Keeper, value string) lease.Lease {
	s.Helper()
	held, err := s.take(k, s.key, value)
	if err != nil {
		s.Fatal(err)
	}
	return held
}

// take tries to acquire a key until the servers have time to answer.
func (s *scene) take(k *lease.Keeper, key, value string, opts ...lease.Option) (lease.Lease, error) {
	return answered.Acquire(s.Context(), func() (lease.Lease, error) {
		return k.Acquire(s.Context(), key, []byte(value), opts...)
	})
}

// lost waits for the end of a term against its holder's will.
func (s *scene) lost(held lease.Lease) {
	s.Helper()
	select {
	case <-held.Done():
	case <-time.After(patience):
		s.Fatalf("the lease on %q is never lost", held.Key())
	}
	if fault, ok := held.Err().(*lease.LostError); !ok || held.Valid() {
		s.Errorf("the lease on %q ended with %v and is valid: %v", held.Key(), fault, held.Valid())
	}
}

// eventually waits until something is true.
func (s *scene) eventually(what string, is func() bool) {
	s.Helper()
	for late := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			s.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// later checks the order of two terms of one key.
func (s *scene) later(second, first lease.Lease) {
	s.Helper()
	if second.Token() <= first.Token() {
		s.Errorf("token %d after %d", second.Token(), first.Token())
	}
}

// told is a store that says when a watch of it has told what is there.
type told struct {
	store.Store
	once   *sync.Once
	synced chan struct{}
}

func (s told) Capabilities() store.Capabilities { return store.CapabilitiesOf(s.Store) }

func (s told) WatchKey(ctx context.Context, key string) iter.Seq2[store.Event, error] {
	return func(yield func(store.Event, error) bool) {
		for e, err := range s.Store.WatchKey(ctx, key) {
			if e.Kind == store.EventSynced {
				s.tell()
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

func (s told) tell() { s.once.Do(func() { close(s.synced) }) }

// die takes the scene's key as a program that then dies.
func (s *scene) die(ttl time.Duration) store.Grant {
	s.Helper()
	st, claim := s.Open(), store.Claim{Key: s.key, Value: []byte("of the dead"), TTL: ttl, Nonce: store.NewNonce()}
	grant, err := answered.Acquire(s.Context(), func() (store.Grant, error) { return st.Create(s.Context(), claim) })
	if err != nil {
		s.Fatal(err)
	}
	return grant
}
