package lease

import (
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// benchKeeper is on a memory store and does not renew by itself while a benchmark runs.
func benchKeeper(b *testing.B) *Keeper {
	k, err := NewKeeper(memstore.New(), Config{TTL: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = k.Close(b.Context()) })
	return k
}

// One round of renewals of a keeper: it makes them, sends them in batches, and takes in the
// answers. Divide by the number of keys for the share of one.
func BenchmarkRound(b *testing.B) {
	value := make([]byte, 1024)
	text := func(time.Time) ([]byte, error) { return value, nil }
	for _, kind := range []struct {
		name string
		opts []Option
	}{{"bare", nil}, {"value=1KiB", []Option{WithHeartbeatValue(text, nil)}}} {
		for _, keys := range []int{1, 100, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/keys=%d", kind.name, keys), func(b *testing.B) {
				k := still(Config{TTL: 24 * time.Hour, Heartbeat: 8 * time.Hour})
				var o options
				for _, opt := range kind.opts {
					opt(&o)
				}
				for i := range keys {
					claim := store.Claim{Key: fmt.Sprint(i), Value: value, TTL: k.cfg.TTL}
					if _, err := k.claim(b.Context(), claim, o); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if n := renewOnce(k); n != keys {
						b.Fatalf("%d keys were due, not %d", n, keys)
					}
				}
			})
		}
	}
}

// renewOnce does what the keeper does in a round, on one goroutine, and returns how many
// leases that concerned.
func renewOnce(k *Keeper) (leases int) {
	s, now := k.schedule, time.Now()
	s.mu.Lock()
	s.startRound(now, k.moment(now))
	b := s.next(now)
	s.mu.Unlock()
	for b != nil {
		leases += len(b.leases)
		items, _ := k.prepare(b, nil)
		k.send(items)
		s.settle(b, items)
		k.commit(items)
		s.mu.Lock()
		b = s.next(now)
		s.mu.Unlock()
	}
	return leases
}

func BenchmarkAcquireAndRelease(b *testing.B) {
	k := benchKeeper(b)
	b.ReportAllocs()
	for b.Loop() {
		held, err := k.Acquire(b.Context(), "k", []byte("v"))
		if err != nil {
			b.Fatal(err)
		}
		if err := held.Release(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	k := benchKeeper(b)
	value := make([]byte, 1024)
	held, err := k.Acquire(b.Context(), "k", value)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := held.Update(b.Context(), value); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValid(b *testing.B) {
	held, err := benchKeeper(b).Acquire(b.Context(), "k", []byte("v"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !held.Valid() {
			b.Fatal(held.Err())
		}
	}
}

// What the store needs for itself in [BenchmarkAcquireAndRelease].
func BenchmarkCreateAndDelete(b *testing.B) {
	st, value := memstore.New(), []byte("v")
	b.ReportAllocs()
	for b.Loop() {
		grant, err := st.Create(b.Context(), store.Claim{Key: "k", Value: value, TTL: 24 * time.Hour, Nonce: store.NewNonce()})
		if err != nil {
			b.Fatal(err)
		}
		if err := st.Delete(b.Context(), "k", store.ByToken(grant.Token)); err != nil {
			b.Fatal(err)
		}
	}
}
