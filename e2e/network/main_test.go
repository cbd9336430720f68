package network_test

import (
	"context"
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/internal/answered"
	"github.com/leasehold-go/leasehold/e2e/network"
	"github.com/leasehold-go/leasehold/internal/built"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // most of the time a test waits; see also backends.Apart
	built.Main(m)
}

const (
	key = "exchange:1:status"

	// long is a ttl that does not end within a test.
	long = time.Minute
	// patience is how long a test waits for what has to happen some time.
	patience = time.Minute
)

// keep returns a keeper that is closed, on a sound network, when the test ends.
func (l *line) keep(st store.Store, cfg lease.Config) *lease.Keeper {
	l.Helper()
	k, err := lease.NewKeeper(st, cfg)
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() {
		l.Heal()
		k.Close(context.Background())
	})
	return k
}

// slow is a configuration whose heartbeats do not come into a test's way.
var slow = lease.Config{TTL: long, Heartbeat: long / 3}

// brisk is one that repeats what failed sooner; its first heartbeat comes late enough
// for what a test does at once.
var brisk = lease.Config{TTL: long, Heartbeat: 4 * time.Second}

func (l *line) acquire(k *lease.Keeper, value string, opts ...lease.Option) lease.Lease {
	l.Helper()
	held, err := answered.Acquire(l.Context(), func() (lease.Lease, error) {
		return k.Acquire(l.Context(), key, []byte(value), opts...)
	})
	if err != nil {
		l.Fatal(err)
	}
	return held
}

func claim(value string, ttl time.Duration) store.Claim {
	return store.Claim{Key: key, Value: []byte(value), TTL: ttl, Nonce: store.NewNonce()}
}

// create creates over the line and fails the test if that fails.
func (l *line) create(st store.Store, c store.Claim) store.Grant {
	l.Helper()
	grant, err := st.Create(l.Context(), c)
	if err != nil {
		l.Fatal(err)
	}
	return grant
}

// value is what any reader of the key gets, or "" for nothing.
func (l *line) value() string {
	l.Helper()
	v, _ := l.servers.Outsider.Get(key)
	return string(v)
}

func (l *line) wantValue(when, want string) {
	l.Helper()
	if got := l.value(); got != want {
		l.Errorf("%s: the key holds %q, want %q", when, got, want)
	}
}

// untilGone waits for the record to expire.
func (l *line) untilGone() {
	l.Helper()
	l.eventually("the record is gone", func() bool { return l.value() == "" })
}

func (l *line) want(what string, err, condition error) {
	l.Helper()
	if !errors.Is(err, condition) {
		l.Fatalf("%s: got %v, want: %v", what, err, condition)
	}
}

// taken returns the one chunk that a rule picked.
func (l *line) taken(r *network.Rule) []byte {
	l.Helper()
	all := r.Taken()
	if len(all) != 1 {
		l.Fatalf("the rule picked %d requests, want one", len(all))
	}
	return all[0]
}

func (l *line) eventually(what string, ok func() bool) {
	l.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
	}
	l.Fatalf("not within %v: %s", patience, what)
}
