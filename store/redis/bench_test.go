package redisstore_test

import (
	"fmt"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// The pair that every lock has, here and the way it is done by hand: compare the
// two in one run.

func BenchmarkAcquireRelease(b *testing.B) {
	b.Run("leasehold", func(b *testing.B) {
		s := start(b)
		c := claim("bench")
		b.ReportAllocs()
		for b.Loop() {
			c.Nonce = store.NewNonce()
			grant := s.create(c)
			if err := s.Delete(b.Context(), c.Key, store.ByToken(grant.Token)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("raw", func(b *testing.B) {
		s := start(b)
		release := redis.NewScript(`
			if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
			return 0`)
		b.ReportAllocs()
		for b.Loop() {
			nonce := store.NewNonce().String()
			if ok, err := s.plain.SetNX(b.Context(), "bench", nonce, ttl).Result(); err != nil || !ok {
				b.Fatal(ok, err)
			}
			if n, err := release.Run(b.Context(), s.plain, []string{"bench"}, nonce).Int(); err != nil || n != 1 {
				b.Fatal(n, err)
			}
		}
	})
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
			batch := make([]store.Write, size)
			for i := range batch {
				key := fmt.Sprintf("bench:%d", i)
				batch[i] = store.Write{Key: key, Token: s.hold(key).Token}
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
	w := store.Write{Key: "bench", Token: s.hold("bench").Token, Value: make([]byte, 1024)}
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
	w := store.Write{Key: "bench", Token: s.hold("bench").Token, Value: make([]byte, 1024)}
	b.ReportAllocs()
	for b.Loop() {
		w.Seq++
		if err := s.Update(b.Context(), w); err != nil {
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
