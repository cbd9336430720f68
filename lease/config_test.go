package lease_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/internal/teststore"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// coarse is a store that grants nothing shorter than five seconds.
type coarse struct{ store.Store }

func (coarse) Capabilities() store.Capabilities {
	return store.Capabilities{MinTTL: 5 * time.Second}
}

func TestConfigurationThatCannotWorkIsRefused(t *testing.T) {
	mem := memstore.New()
	for _, c := range []struct {
		name string
		st   store.Store
		cfg  lease.Config
		want string
	}{
		{"no store", nil, lease.Config{}, "invalid store: must not be nil"},
		{"negative ttl", mem, lease.Config{TTL: -1}, "invalid ttl -1ns: must be at least 100ms"},
		{"tiny ttl", mem, lease.Config{TTL: time.Millisecond}, "invalid ttl 1ms: must be at least 100ms"},
		{"less than the store grants", coarse{mem}, lease.Config{TTL: time.Second}, "invalid ttl 1s: must be at least 5s"},
		{"heartbeat above half the ttl", mem, lease.Config{TTL: 10 * time.Second, Heartbeat: 5*time.Second + 1},
			"invalid heartbeat 5.000000001s: must be at least 10ms and at most half of the ttl, which is 10s"},
		{"heartbeat above half the default ttl", mem, lease.Config{Heartbeat: 30 * time.Second},
			"invalid heartbeat 30s: must be at least 10ms and at most half of the ttl, which is 45s"},
		{"negative heartbeat", mem, lease.Config{Heartbeat: -time.Second},
			"invalid heartbeat -1s: must be at least 10ms and at most half of the ttl, which is 45s"},
		{"tiny heartbeat", mem, lease.Config{Heartbeat: 1},
			"invalid heartbeat 1ns: must be at least 10ms and at most half of the ttl, which is 45s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, err := lease.NewKeeper(c.st, c.cfg)
			if k != nil || err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %v", err, c.want)
			}
			if invalid := new(store.InvalidError); !errors.As(err, &invalid) || !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%T is not an invalid argument", err)
			}
		})
	}
}

func TestZeroConfigurationIsTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := teststore.New()
		k := keep(t, p, func(c *lease.Config) { *c = lease.Config{} })
		if k.TTL() != lease.DefaultTTL || k.Store() != store.Store(p) {
			t.Errorf("ttl %v, store %v", k.TTL(), k.Store())
		}
		acquire(t, k, "k")
		time.Sleep(lease.DefaultTTL / 3)
		synctest.Wait()
		if n := len(p.Sent(teststore.Renew)); n != 1 {
			t.Errorf("%d renewals in the first third of the ttl, want 1", n)
		}
	})
}

func TestSmallestAndLargestHeartbeatKeepALease(t *testing.T) {
	for name, cfg := range map[string]lease.Config{
		"smallest ttl":      {TTL: store.MinTTL},
		"smallest interval": {TTL: store.MinTTL, Heartbeat: 10 * time.Millisecond},
		"half the ttl":      {TTL: ttl, Heartbeat: ttl / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held := acquire(t, keep(t, memstore.New(), func(c *lease.Config) { *c = cfg }), "k")
				time.Sleep(100 * cfg.TTL)
				if !held.Valid() {
					t.Error(held.Err())
				}
			})
		})
	}
}
