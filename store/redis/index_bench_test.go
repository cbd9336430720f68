package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/internal/redistest"
	"github.com/leasehold-go/leasehold/store"
)

// BenchmarkListOnACluster reads the indices of all slots by turns as List does and, for
// comparison, through a script for each. Its metrics are the milliseconds for each, how
// many times as long the scripts take, and the milliseconds for a whole List.
func BenchmarkListOnACluster(b *testing.B) {
	client := redistest.StartCluster(b, 3).Client()
	s, err := New(b.Context(), client)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	records := 0
	for _, size := range []int{0, 1000, 10_000} {
		for ; records < size; records++ {
			claim := store.Claim{Key: fmt.Sprintf("bench:%d", records), Value: []byte("value"), TTL: time.Hour, Nonce: store.NewNonce()}
			if _, err := s.Create(b.Context(), claim); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("records=%d", size), func(b *testing.B) {
			var ranges, scripts, list time.Duration
			for b.Loop() {
				ranges += lasts(b, size, s.countEntries)
				scripts += lasts(b, size, s.countByScripts)
				list += lasts(b, size, s.countRecords)
			}
			for unit, took := range map[string]time.Duration{"ranges-ms": ranges, "scripts-ms": scripts, "list-ms": list} {
				b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), unit)
			}
			b.ReportMetric(float64(scripts)/float64(ranges), "scripts/ranges")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// lasts measures a way to count records.
func lasts(b *testing.B, want int, count func(context.Context) (int, error)) time.Duration {
	began := time.Now()
	if got, err := count(b.Context()); err != nil || got != want {
		b.Fatalf("%d records, want %d: %v", got, want, err)
	}
	return time.Since(began)
}

func (s *Store) countEntries(ctx context.Context) (n int, err error) {
	for keys, err := range s.pages(ctx, "") {
		if err != nil {
			return n, err
		}
		n += len(keys)
	}
	return n, nil
}

func (s *Store) countRecords(ctx context.Context) (n int, err error) {
	for _, err := range s.List(ctx, "") {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// countByScripts reads the indices in the order of their slots, 1024 in a round trip.
func (s *Store) countByScripts(ctx context.Context) (n int, err error) {
	for slot := 0; slot < slots; {
		calls := make([]*call, 1024)
		for i := range calls {
			calls[i] = newScriptCall(rangeScript, entryCost, []any{s.layout.index(slot)}, "-", "+", 1000)
			slot++
		}
		s.transport.do(ctx, calls...)
		for _, c := range calls {
			keys, err := c.page()
			if err != nil {
				return n, err
			}
			n += len(keys)
		}
	}
	return n, nil
}

var rangeScript = func() *script {
	const text = "return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])"
	sum := sha1.Sum([]byte(text))
	hash := hex.EncodeToString(sum[:])
	return &script{text: func() any { return text }, hash: func() any { return hash }}
}()
