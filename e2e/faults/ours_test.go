package faults_test

import (
	"context"
	"errors"
	"flag"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // most of the time a test waits; see also backends.Apart
	built.Main(m)
}

const (
	key      = "exchange:1:status"
	long     = 45 * time.Second // does not end within a test
	patience = time.Minute
)

func (p *place) eventually(what string, ok func() bool) {
	p.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	p.Fatalf("not within %v: %s", patience, what)
}

// untilGone waits for what is under the key to expire.
func (p *place) untilGone() {
	p.Helper()
	p.eventually("the key expires", func() bool { _, _, ok := p.Get(key); return !ok })
}

func (p *place) old(host string, ttl time.Duration) *oldProtocol {
	return &oldProtocol{raw: p.raw, key: key, ttl: ttl, host: host}
}

func (p *place) want(what string, err, condition error) {
	p.Helper()
	if !errors.Is(err, condition) {
		p.Errorf("%s: got %v, want: %v", what, err, condition)
	}
}

// wantValue fails the test unless the key holds a value, "" for nothing.
func (p *place) wantValue(when, want string) {
	p.Helper()
	if got, _, _ := p.Get(key); got != want {
		p.Errorf("%s: the key holds %q, want %q", when, got, want)
	}
}

// snapshot is what lies under the key, to be compared later.
type snapshot struct{ value, expiry string }

// snapshot looks again if the key has expired while it looked.
func (p *place) snapshot() snapshot {
	p.Helper()
	for {
		expiry := p.Expiry(key)
		value, _, _ := p.Get(key)
		if p.Expiry(key) == expiry {
			return snapshot{value, expiry}
		}
	}
}

// wantUntouched fails the test unless the key is as it was.
func (p *place) wantUntouched(when string, was snapshot) {
	p.Helper()
	if now := p.snapshot(); now != was {
		p.Errorf("%s: what another put there changed from %+v to %+v", when, was, now)
	}
}

func claim(value string, ttl time.Duration) store.Claim {
	return store.Claim{Key: key, Value: []byte(value), TTL: ttl, Nonce: store.NewNonce()}
}

func (p *place) create(st store.Store, value string, ttl time.Duration) store.Grant {
	p.Helper()
	grant, err := st.Create(p.Context(), claim(value, ttl))
	if err != nil {
		p.Fatal(err)
	}
	return grant
}

func (p *place) keep(st store.Store, cfg lease.Config) *lease.Keeper {
	p.Helper()
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		if s, ok := st.(*sleeper); ok {
			s.wake()
		}
		k.Close(context.Background())
	})
	return k
}

func (p *place) acquire(k *lease.Keeper, value string, opts ...lease.Option) lease.Lease {
	p.Helper()
	held, err := answered.Acquire(p.Context(), func() (lease.Lease, error) {
		return k.Acquire(p.Context(), key, []byte(value), opts...)
	})
	if err != nil {
		p.Fatal(err)
	}
	return held
}

var (
	// beating is a configuration with heartbeats that a test can wait for. The time for
	// one request is short with it.
	beating = lease.Config{TTL: long, Heartbeat: 250 * time.Millisecond}
	// calm is one for what is to be refused.
	calm = lease.Config{TTL: long}
)

// ended waits for the end of a term and returns the reason.
func (p *place) ended(held lease.Lease) error {
	p.Helper()
	select {
	case <-held.Done():
		return held.Err()
	case <-time.After(patience):
		p.Fatal("the term goes on")
		return nil
	}
}

var lifecycle = fsm.MustDefine("idle", fsm.Table[string]{
	"idle": {"starting"}, "starting": {"active", "idle"}, "active": {"stopping"}, "stopping": {"idle"},
})

// record is the payload of our instances, as dashboards read it.
type record struct {
	Hostname string `json:"hostname"`
	State    string `json:"connection_state"`
}

func config(host string) registry.Config[string, record] {
	return registry.Config[string, record]{
		Key:       key,
		Host:      host,
		Connected: []string{"active"},
		PublicIP:  func(context.Context) (netip.Addr, error) { return netip.MustParseAddr("10.0.0.7"), nil },
		Fill: func(r *record, s registry.Status[string]) {
			r.Hostname, r.State = s.Host, s.State
		},
	}
}

func (p *place) register(k *lease.Keeper, cfg registry.Config[string, record]) *registry.Instance[string, record] {
	p.Helper()
	i, err := answered.Acquire(p.Context(), func() (*registry.Instance[string, record], error) {
		return registry.Register(p.Context(), k, lifecycle, cfg)
	})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { i.Deregister(context.Background()) })
	return i
}

// sleeper is a store whose program can be stopped in the middle of a write: what it
// is about to send then arrives when it goes on, however late that is.
type sleeper struct {
	store.Store
	mu      sync.Mutex
	awake   chan struct{} // closed while it is
	held    int           // writes that wait for it
	flying  int           // writes that do not
	refuses bool          // updates fail, with nothing written
}

func newSleeper(st store.Store) *sleeper {
	s := &sleeper{Store: st, awake: make(chan struct{})}
	close(s.awake)
	return s
}

func (s *sleeper) sleep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.awake = make(chan struct{})
}

func (s *sleeper) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isAwake() {
		close(s.awake)
		s.flying, s.held = s.flying+s.held, 0
	}
}

// isAwake needs the mutex.
func (s *sleeper) isAwake() bool {
	select {
	case <-s.awake:
		return true
	default:
		return false
	}
}

func (s *sleeper) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuses = true
}

// waiting returns how many writes are held up.
func (s *sleeper) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// idle reports whether no write is on its way to the store.
func (s *sleeper) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.flying == 0
}

// pass returns when a write may go on, with the context for it and what to call once
// it is answered.
func (s *sleeper) pass(ctx context.Context) (context.Context, func()) {
	s.mu.Lock()
	awake := s.awake
	if s.isAwake() {
		s.flying++
	} else {
		s.held++
	}
	s.mu.Unlock()
	<-awake
	return context.WithoutCancel(ctx), func() { // what was sent arrives
		s.mu.Lock()
		defer s.mu.Unlock()
		s.flying--
	}
}

func (s *sleeper) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	ctx, answered := s.pass(ctx)
	defer answered()
	return s.Store.Renew(ctx, batch)
}

func (s *sleeper) Update(ctx context.Context, w store.Update) error {
	s.mu.Lock()
	refuses := s.refuses
	s.mu.Unlock()
	if refuses {
		return &store.Error{Op: "update", Key: w.Key, Condition: store.ErrUnavailable, Err: errBroken}
	}
	ctx, answered := s.pass(ctx)
	defer answered()
	return s.Store.Update(ctx, w)
}

func (s *sleeper) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	ctx, answered := s.pass(ctx)
	defer answered()
	return s.Store.Delete(ctx, key, ref)
}
