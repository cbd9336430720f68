package faults_test

import (
	"maps"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/e2e/backends"
	"github.com/leasehold-go/leasehold/store"
)

// raw is another program that writes beside a store, with the plain commands of
// the backend. A ttl of zero is none. The words are those of Redis, which the
// protocol was made for; see etcd_test.go for what comes nearest to each on etcd.
type raw interface {
	// Get returns what lies under a key and its time left, which is
	// store.Forever if it has no expiry, or false for nothing.
	Get(key string) (value string, left time.Duration, ok bool)
	// Expiry is what the backend knows of the key's expiry, in its own words; it
	// stays the same while nobody moves it.
	Expiry(key string) string

	Set(key, value string, ttl time.Duration)              // SET [EX]
	SetNX(key, value string, ttl time.Duration) (set bool) // SET NX [EX]
	SetXX(key, value string, ttl time.Duration) (set bool) // SET XX [EX]
	SetKeepTTL(key, value string)                          // SET KEEPTTL
	Expire(key string, ttl time.Duration)                  // EXPIRE, PERSIST
	Del(key string)                                        // DEL
}

// rows are the backends that the faults are tried on, each with the program beside
// it, and a ttl to wait for.
var rows = map[string]struct {
	short  time.Duration
	beside func(*testing.T, *backends.Place) raw
}{
	"redis": {2 * time.Second, besideRedis},
	"etcd":  {3 * time.Second, besideEtcd}, // whole seconds, and one more for what is a little less
}

// place is one server of one test.
type place struct {
	*testing.T
	raw
	short   time.Duration
	servers *backends.Place
}

// open returns a further program's own store.
func (p *place) open() store.Store { return p.servers.Open() }

// onEach runs a test on a fresh server of each backend.
func onEach(t *testing.T, test func(*place)) {
	t.Helper()
	backends.Apart(t, maps.Keys(rows), func(t *testing.T, name string, servers *backends.Place) {
		row := rows[name]
		test(&place{T: t, raw: row.beside(t, servers), short: row.short, servers: servers})
	})
}
