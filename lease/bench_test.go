package lease

import (
	"fmt"
	"testing"
	"time"

	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// benchKeeper is on a memory store and does not beat by itself while a benchmark runs.
func benchKeeper(b *testing.B) *Keeper {
	k, err := NewKeeper(memstore.New(), Config{TTL: 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = k.Close(b.Context()) })
	return k
}

// One beat of a keeper, by all its shards one after the other: it looks which terms
// are due, makes their renewals, and sends and confirms them. Divide by the number of
// keys for the share of one.
func BenchmarkBeat(b *testing.B) {
	value := make([]byte, 1024)
	text := func(time.Time) ([]byte, error) { return value, nil }
	for _, kind := range []struct {
		name string
		opts []Option
	}{{"bare", nil}, {"value=1KiB", []Option{WithHeartbeatValue(text, nil)}}} {
		for _, keys := range []int{1, 100, 10_000} {
			b.Run(fmt.Sprintf("%s/keys=%d", kind.name, keys), func(b *testing.B) {
				k := benchKeeper(b)
				for i := range keys {
					if _, err := k.Acquire(b.Context(), fmt.Sprint(i), value, kind.opts...); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				for b.Loop() {
					if n := beatOnce(b, k); n != keys {
						b.Fatalf("%d keys were due, not %d", n, keys)
					}
				}
			})
		}
	}
}

// beatOnce does what each shard's goroutine does when a beat is due, and returns how
// many terms that concerned.
func beatOnce(b *testing.B, k *Keeper) (terms int) {
	for _, s := range k.shards {
		now := time.Now()
		due, _ := s.survey(now, now, false)
		<-s.start(b.Context(), due)
		terms += len(due)
	}
	return terms
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
