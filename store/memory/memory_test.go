package memstore

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

func TestEndedCreatesAreForgottenOldestFirst(t *testing.T) {
	n := newRecent[store.Nonce]()
	nth := func(i int) store.Nonce { return store.Nonce{byte(i), byte(i >> 8), byte(i >> 16), 1} }
	const more = 100
	for i := range maxRecent + more {
		n.add(nth(i))
		n.add(nth(i)) // adding twice has the effect of once
	}
	if len(n.set) != maxRecent || len(n.ring) != maxRecent {
		t.Errorf("%d nonces in the set and %d in the ring, want %d", len(n.set), len(n.ring), maxRecent)
	}
	for i := range maxRecent + more {
		if n.has(nth(i)) != (i >= more) {
			t.Fatalf("nonce %d: remembered is %v", i, n.has(nth(i)))
		}
	}
}

func TestUnreadExpiredRecordsDoNotAccumulate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ttl, live = time.Second, 100
		st := New()
		for i := range 100 * live {
			c := store.Claim{Key: fmt.Sprint(i), Value: []byte("v"), TTL: ttl, Nonce: store.NewNonce()}
			if _, err := st.Create(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(ttl / live)
			if n := len(st.records); n > 2*live+minSweep {
				t.Fatalf("%d records in memory, %d of them live", n, live)
			}
		}
	})
}
