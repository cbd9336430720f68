package redisstore_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// The pair that every lock has, here and the way it is done by hand.

func BenchmarkAcquireRelease(b *testing.B) {
	for name, pair := range map[string]func(*bench, context.Context) error{
		"leasehold": (*bench).pair,
		"raw":       (*bench).rawPair,
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b)
			b.ReportAllocs()
			for b.Loop() {
				if err := pair(s, b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// turn is how many pairs of one kind there are before the other has its turn.
const turn = 100

// BenchmarkAcquireReleaseByTurns compares the two within one run. Its metrics are the
// microseconds for a pair of each, and how many times as long ours takes.
func BenchmarkAcquireReleaseByTurns(b *testing.B) {
	for name, ctx := range map[string]context.Context{
		"cancellable":   b.Context(),
		"uncancellable": context.Background(),
	} {
		b.Run(name, func(b *testing.B) {
			s := start(b)
			var ours, raw time.Duration
			for b.Loop() {
				ours += s.lasts(ctx, (*bench).pair)
				raw += s.lasts(ctx, (*bench).rawPair)
			}
			pairs := float64(b.N * turn)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(ours.Microseconds())/pairs, "leasehold-µs")
			b.ReportMetric(float64(raw.Microseconds())/pairs, "raw-µs")
			b.ReportMetric(float64(ours)/float64(raw), "ours/raw")
		})
	}
}

// lasts measures a turn.
func (b *bench) lasts(ctx context.Context, pair func(*bench, context.Context) error) time.Duration {
	began := time.Now()
	for range turn {
		if err := pair(b, ctx); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

func (b *bench) pair(ctx context.Context) error {
	c := claim("ours")
	grant, err := b.Create(ctx, c)
	if err != nil {
		return err
	}
	return b.Delete(ctx, c.Key, store.ByToken(grant.Token))
}

var release = redis.NewScript(`
	if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
	return 0`)

func (b *bench) rawPair(ctx context.Context) error {
	nonce := store.NewNonce().String()
	if ok, err := b.plain.SetNX(ctx, "raw", nonce, ttl).Result(); err != nil || !ok {
		return fmt.Errorf("set: %t, %w", ok, err)
	}
	if n, err := release.Run(ctx, b.plain, []string{"raw"}, nonce).Int(); err != nil || n != 1 {
		return fmt.Errorf("release: %d, %w", n, err)
	}
	return nil
}

func BenchmarkCreateHeld(b *testing.B) {
	s := start(b)
	s.hold("bench")
	c := claim("bench")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Create(b.Context(), c); err == nil {
			b.Fatal("not held")
		}
	}
}

func BenchmarkRenew(b *testing.B) {
	for _, size := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			s := start(b)
			batch := make([]store.Renewal, size)
			for i := range batch {
				key := fmt.Sprintf("bench:%d", i)
				batch[i] = store.Renewal{Key: key, Token: s.hold(key).Token}
			}
			b.ReportAllocs()
			for b.Loop() {
				for _, answer := range s.Renew(b.Context(), batch) {
					if answer.Err != nil {
						b.Fatal(answer.Err)
					}
				}
			}
		})
	}
}

func BenchmarkRenewWithValue(b *testing.B) {
	s := start(b)
	w := store.Renewal{Key: "bench", Token: s.hold("bench").Token, Value: make([]byte, 1024)}
	b.ReportAllocs()
	for b.Loop() {
		w.Seq++
		if answer := s.renew(w); answer.Err != nil {
			b.Fatal(answer.Err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	s := start(b)
	w := store.Renewal{Key: "bench", Token: s.hold("bench").Token, Value: make([]byte, 1024)}
	b.ReportAllocs()
	for b.Loop() {
		w.Seq++
		if err := s.Update(b.Context(), store.Update(w)); err != nil {
			b.Fatal(err)
		}
	}
}

// The record is made anew each time, with the clock stopped.
func BenchmarkDelete(b *testing.B) {
	s := start(b)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		term := store.ByToken(s.hold("bench").Token)
		b.StartTimer()
		if err := s.Delete(b.Context(), "bench", term); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := start(b)
	s.hold("bench")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Get(b.Context(), "bench"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	for _, size := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("records=%d", size), func(b *testing.B) {
			s := start(b)
			for i := range size {
				s.hold(fmt.Sprintf("bench:%d", i))
			}
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range s.List(b.Context(), "bench:") {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != size {
					b.Fatalf("%d records, want %d", n, size)
				}
			}
		})
	}
}

// From the call of Update to the event in a watch: the update and its announcement, and
// a read of the key.
func BenchmarkWatchDelivery(b *testing.B) {
	s := start(b)
	w := store.Renewal{Key: "bench", Token: s.hold("bench").Token}
	ctx, stop := context.WithCancel(b.Context())
	told := make(chan store.EventKind)
	go func() {
		defer close(told)
		for e, err := range s.Watch(ctx, "bench") {
			if err != nil {
				return
			}
			told <- e.Kind
		}
	}()
	for <-told != store.EventSynced {
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Seq++
		w.Value = strconv.AppendUint(nil, w.Seq, 10) // a value that is not new is not told
		if err := s.Update(b.Context(), store.Update(w)); err != nil {
			b.Fatal(err)
		}
		for <-told != store.EventPut {
		}
	}
	stop()
	<-told
}
