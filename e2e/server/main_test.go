package server_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	redisstore "github.com/leasehold-go/leasehold/store/redis"
)

// patience is how long a test waits for what has to come. Nothing is ever expected
// to take that long.
const patience = 60 * time.Second

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4")         // a test waits most of the time
	redis.SetLogger(&logging.VoidLogger{}) // its troubles come back as errors
	goleak.VerifyTestMain(m)
}

// server is a Redis server with a client of the test's own, which speaks plain
// Redis.
type server struct {
	*redistest.Server
	t      *testing.T
	client *redis.Client
}

// starting is held while a server starts: the environment is the process's, and a
// clock of its own is given to a server through it.
var starting sync.Mutex

func start(t *testing.T, args ...string) server {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	return of(t, redistest.Start(t, args...))
}

func of(t *testing.T, s *redistest.Server) server { return server{Server: s, t: t, client: s.Client()} }

// withPath runs f while another directory comes first in PATH.
func withPath(t *testing.T, dir string, f func()) {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	path := os.Getenv("PATH")
	defer os.Setenv("PATH", path)
	if err := os.Setenv("PATH", dir+string(os.PathListSeparator)+path); err != nil {
		t.Fatal(err)
	}
	f()
}

// do sends a command, which has to succeed.
func (s server) do(args ...any) any {
	s.t.Helper()
	reply, err := s.client.Do(context.WithoutCancel(s.t.Context()), args...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		s.t.Fatalf("%v: %v", args, err)
	}
	return reply
}

// raw is what any reader of the key gets; empty if there is nothing.
func (s server) raw(key string) string {
	s.t.Helper()
	text, _ := s.do("GET", key).(string)
	return text
}

// fence is what the library keeps beside the key; empty if there is nothing.
func (s server) fence(key string) string { return s.raw(s.fenceName(key)) }

// leaseOf is what a fence says of whose record it is: token and nonce.
func leaseOf(fence string) string {
	if len(fence) < 50 {
		return ""
	}
	return fence[2:50]
}

// fenceName finds it by the end of its name; empty if there is none.
func (s server) fenceName(key string) string {
	s.t.Helper()
	names, err := s.client.Keys(s.t.Context(), store.Reserved+"*").Result()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ":f:"+key) {
			return name
		}
	}
	return ""
}

// left is the time to live by the server's account: negative for none, or no key.
func (s server) left(key string) time.Duration {
	s.t.Helper()
	left, err := s.client.PTTL(s.t.Context(), key).Result()
	if err != nil {
		s.t.Fatal(err)
	}
	return left
}

// party is a program on the server: its own connections, store and keeper.
type party struct {
	*lease.Keeper
	t     *testing.T
	store *redisstore.Store

	mu    sync.Mutex
	beats []lease.RenewAttempt
}

// party joins with the given times; the heartbeat is a quarter of the ttl if zero.
func (s server) party(ttl, heartbeat time.Duration, opts ...redisstore.Option) *party {
	s.t.Helper()
	return s.partyOf(s.Client(), ttl, heartbeat, opts...)
}

func (s server) partyOf(client *redis.Client, ttl, heartbeat time.Duration, opts ...redisstore.Option) *party {
	s.t.Helper()
	st, err := redisstore.New(s.t.Context(), client, opts...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { st.Close() })
	return newParty(s.t, st, st, ttl, heartbeat)
}

// newParty keeps its leases on kept, which may stand in front of st.
func newParty(t *testing.T, st *redisstore.Store, kept store.Store, ttl, heartbeat time.Duration) *party {
	t.Helper()
	if heartbeat == 0 {
		heartbeat = ttl / 4
	}
	p := &party{t: t, store: st}
	k, err := lease.NewKeeper(kept, lease.Config{TTL: ttl, Heartbeat: heartbeat, OnRenew: p.beat})
	if err != nil {
		t.Fatal(err)
	}
	p.Keeper = k
	t.Cleanup(func() { k.Close(context.Background()) }) // what a test left held may not be there any more
	return p
}

func (p *party) beat(b lease.RenewAttempt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beats = append(p.beats, b)
}

// told returns the beats so far.
func (p *party) told() []lease.RenewAttempt {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]lease.RenewAttempt(nil), p.beats...)
}

// acquire takes a key, which has to succeed.
func (p *party) acquire(key, value string, opts ...lease.Option) lease.Lease {
	p.t.Helper()
	held, err := answered.Acquire(p.t.Context(), func() (lease.Lease, error) {
		return p.Acquire(p.t.Context(), key, []byte(value), opts...)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return held
}

// claim is an Acquire that waits, under way.
type claim struct {
	t    *testing.T
	done chan struct{} // closed once the rest is set
	held lease.Lease
	err  error
}

// await begins to wait for a key, and returns once it does or holds it.
func (p *party) await(key, value string) *claim {
	c := &claim{t: p.t, done: make(chan struct{})}
	waits := make(chan struct{})
	refused := sync.OnceFunc(func() { close(waits) })
	leave := lease.WithReclaim(func(store.Record) bool { refused(); return false })
	go func() {
		defer close(c.done)
		c.held, c.err = answered.Acquire(p.t.Context(), func() (lease.Lease, error) {
			return p.Acquire(p.t.Context(), key, []byte(value), lease.WithWait(), leave)
		})
	}()
	p.t.Cleanup(func() { <-c.done }) // the test's context has ended by then
	select {
	case <-waits:
	case <-c.done:
	}
	return c
}

// waits reports whether the key has not been acquired yet.
func (c *claim) waits() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// taken returns the lease once it is acquired.
func (c *claim) taken() lease.Lease {
	c.t.Helper()
	select {
	case <-c.done:
	case <-time.After(patience):
		c.t.Fatal("the key is never acquired")
	}
	if c.err != nil {
		c.t.Fatal(c.err)
	}
	return c.held
}

// within waits until something is true.
func within(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	for late := time.Now().Add(limit); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	within(t, patience, what, is)
}

// renewed waits for a renewal of the lease that began after this call and was
// confirmed.
func (p *party) renewed(held lease.Lease) {
	p.t.Helper()
	p.renewedSince(held, time.Now())
}

func (p *party) renewedSince(held lease.Lease, from time.Time) {
	p.t.Helper()
	eventually(p.t, "a renewal is confirmed", func() bool {
		if err := held.Err(); err != nil {
			p.t.Fatal(err)
		}
		for _, b := range p.told() {
			if b.Token == held.Token() && b.Err == nil && b.At.After(from) {
				return true
			}
		}
		return false
	})
}

// lost waits for the end of a lease against its holder's will.
func lost(t *testing.T, held lease.Lease) *lease.LostError {
	t.Helper()
	select {
	case <-held.Done():
	case <-time.After(patience):
		t.Fatalf("the lease on %q is never lost", held.Key())
	}
	fault := new(lease.LostError)
	if !errors.As(held.Err(), &fault) {
		t.Fatalf("the lease on %q ended with %v", held.Key(), held.Err())
	}
	if held.Valid() {
		t.Errorf("the lost lease on %q is valid", held.Key())
	}
	return fault
}

// expired waits for a loss that no store stated.
func expired(t *testing.T, held lease.Lease) {
	t.Helper()
	if fault := lost(t, held); !errors.Is(fault.Cause, lease.ErrExpired) || errors.Is(fault.Cause, store.ErrLost) {
		t.Errorf("the cause is %v, not the end of the window", fault.Cause)
	}
}

// want checks that err is of exactly one condition.
func want(t *testing.T, what string, err, condition error) {
	t.Helper()
	for _, c := range []error{
		store.ErrHeld, store.ErrLost, store.ErrForeign, store.ErrUnavailable, store.ErrInDoubt, store.ErrNotFound, store.ErrEnded,
	} {
		if errors.Is(err, c) != (c == condition) {
			t.Errorf("%s: got %v, want: %v", what, err, condition)
			return
		}
	}
}

// later checks the order of two terms of one key.
func later(t *testing.T, second, first lease.Lease) {
	t.Helper()
	if second.Token() <= first.Token() {
		t.Errorf("%q: token %d after %d", second.Key(), second.Token(), first.Token())
	}
}

// powerless checks that a lease that has ended changes nothing of its successor's.
func (s server) powerless(old, successor lease.Lease) {
	s.t.Helper()
	value, fence := s.raw(old.Key()), s.fence(old.Key())
	if err := old.Update(s.t.Context(), []byte("too late")); !errors.Is(err, store.ErrLost) {
		s.t.Errorf("an update after the loss: %v", err)
	}
	if err := old.Release(s.t.Context()); err != nil {
		s.t.Errorf("a release after the loss: %v", err)
	}
	if got := s.raw(old.Key()); got != value || value == "" {
		s.t.Errorf("%q had %q and has %q", old.Key(), value, got)
	}
	if got := s.fence(old.Key()); got != fence {
		s.t.Errorf("the fence of %q was %v and is %v", old.Key(), fence, got)
	}
	if !successor.Valid() {
		s.t.Errorf("the successor's lease: %v", successor.Err())
	}
}

// listed collects what List yields, by key.
func listed(t *testing.T, st store.Store, prefix string) map[string]store.Record {
	t.Helper()
	all := make(map[string]store.Record)
	for r, err := range st.List(t.Context(), prefix) {
		if err != nil {
			t.Fatal(err)
		}
		all[r.Key] = r
	}
	return all
}
