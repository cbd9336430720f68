package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/e2e/etcdtest"
	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	etcdstore "github.com/leasehold-go/leasehold/store/etcd"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "3") // most of the time a test waits
	built.Main(m)
}

const (
	long     = time.Minute      // a ttl that does not end within a test
	patience = 60 * time.Second // for what has to happen some time
	members  = 3
)

// scene is a cluster of three members of a test.
type scene struct {
	testing.TB
	*etcdtest.Cluster
}

func setScene(t testing.TB) *scene {
	t.Helper()
	return &scene{t, etcdtest.Start(t, etcdtest.Settings{Members: members})}
}

// each runs the cases of a test at the same time: most of the time they wait.
func each[C any](t *testing.T, cases map[string]C, test func(*testing.T, C)) {
	t.Helper()
	t.Parallel()
	var all sync.WaitGroup
	for name, c := range cases {
		all.Go(func() { t.Run(name, func(t *testing.T) { test(t, c) }) })
	}
	all.Wait()
}

// removals are the ways in which a member goes, and comes back with its data.
var removals = map[string]removal{
	"killed": {etcdtest.Member.Kill, etcdtest.Member.Restart},
	"paused": {etcdtest.Member.Pause, etcdtest.Member.Resume}, // as if cut off from all others
}

type removal struct{ remove, restore func(etcdtest.Member) }

// open opens a store with a client of its own, of all members unless changed.
func (s *scene) open(changes ...func(*clientv3.Config)) store.Store {
	s.Helper()
	client := s.Client(changes...)
	st, err := answered.Acquire(s.Context(), func() (*etcdstore.Store, error) { return etcdstore.New(s.Context(), client) })
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { st.Close() })
	return st
}

// of makes a client one of some members.
func of(endpoints ...string) func(*clientv3.Config) {
	return func(cfg *clientv3.Config) { cfg.Endpoints = endpoints }
}

// pinging makes a client give up a member that hangs. One that does not tries it again
// and again for a list, and hides what another said meanwhile.
func pinging(cfg *clientv3.Config) {
	cfg.DialKeepAliveTime, cfg.DialKeepAliveTimeout = 10*time.Second, time.Second
}

func (s *scene) keep(st store.Store, cfg lease.Config) *lease.Keeper {
	s.Helper()
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { k.Close(context.Background()) })
	return k
}

func keyOf(i int) string { return fmt.Sprintf("job/%04d", i) }

// acquire acquires so many keys.
func (s *scene) acquire(k *lease.Keeper, n int) []lease.Lease {
	s.Helper()
	held, errs := make([]lease.Lease, n), make([]error, n)
	turns := make(chan struct{}, 32)
	var all sync.WaitGroup
	for i := range n {
		turns <- struct{}{}
		all.Go(func() {
			held[i], errs[i] = answered.Acquire(s.Context(), func() (lease.Lease, error) {
				return k.Acquire(s.Context(), keyOf(i), []byte("first"))
			})
			<-turns
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
	return held
}

// succeed waits for a key that another keeper holds, and acquires it.
func (s *scene) succeed(k *lease.Keeper, key string) (lease.Lease, error) {
	return answered.Acquire(s.Context(), func() (lease.Lease, error) {
		return k.Acquire(s.Context(), key, []byte("second"), lease.WithWait())
	})
}

func claim(key string, ttl time.Duration) store.Claim {
	return store.Claim{Key: key, Value: []byte("first"), TTL: ttl, Nonce: store.NewNonce()}
}

func (s *scene) create(st store.Store, c store.Claim) store.Grant {
	s.Helper()
	grant, err := st.Create(s.Context(), c)
	if err != nil {
		s.Fatal(err)
	}
	return grant
}

func (s *scene) eventually(what string, ok func() bool) {
	s.Helper()
	for late := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			s.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// loseQuorum removes all members but the first, and returns how to bring them back.
func (s *scene) loseQuorum(r removal) (restore func()) {
	for i := 1; i < members; i++ {
		r.remove(s.Member(i))
	}
	return func() {
		for i := 1; i < members; i++ {
			r.restore(s.Member(i))
		}
	}
}

// beats takes note of the heartbeats of a keeper.
type beats struct {
	mu        sync.Mutex
	confirmed map[string]bool // keys, since it was last asked
	failed    []error         // since then
}

func (b *beats) on(beat lease.RenewAttempt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if beat.Err != nil {
		b.failed = append(b.failed, beat.Err)
	} else if b.confirmed != nil {
		b.confirmed[beat.Key] = true
	}
}

// failedWith counts the beats that failed with a condition.
func (b *beats) failedWith(condition error) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, err := range b.failed {
		if errors.Is(err, condition) {
			n++
		}
	}
	return n
}

// all waits until so many keys have been confirmed from now on.
func (b *beats) all(s *scene, when string, n int) {
	s.Helper()
	b.mu.Lock()
	b.confirmed, b.failed = make(map[string]bool), nil
	b.mu.Unlock()
	s.eventually(fmt.Sprintf("%s: all %d terms are renewed", when, n), func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.confirmed) == n
	})
}
