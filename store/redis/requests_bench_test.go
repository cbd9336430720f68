package redisstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/leasehold-go/leasehold/store"
)

// BenchmarkRequestByTurns compares the way of a request to its answer with a round trip of two
// publishes by hand, within one run. Its metrics are the microseconds of each, and how many
// times as long ours takes.
func BenchmarkRequestByTurns(b *testing.B) {
	s := start(b)
	holder, sender := open(b, s.server.Client()), open(b, s.server.Client())
	grant := s.hold("key")
	go func() {
		for q := range holder.Requests(b.Context(), "key", grant.Token) {
			holder.Answer(b.Context(), "key", grant.Token, store.Answer{ID: q.ID, Body: q.Body, TTL: time.Minute, Final: true})
		}
	}()
	there, back := s.server.Client(), s.server.Client()
	asked, answered := there.Subscribe(b.Context(), "asked"), back.Subscribe(b.Context(), "answered")
	defer asked.Close()
	defer answered.Close()
	for _, subscribed := range []*redis.PubSub{asked, answered} {
		if _, err := subscribed.Receive(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	go func() {
		for {
			m, err := asked.ReceiveMessage(b.Context())
			if err != nil {
				return
			}
			there.Publish(b.Context(), "answered", m.Payload)
		}
	}()
	number := 0
	ours := func(ctx context.Context) error {
		number++
		_, err := sender.Ask(ctx, store.Request{Key: "key", ID: fmt.Sprint(number), Body: []byte("body"), TTL: time.Minute})
		return err
	}
	raw := func(ctx context.Context) error {
		if err := back.Publish(ctx, "asked", "body").Err(); err != nil {
			return err
		}
		_, err := answered.ReceiveMessage(ctx)
		return err
	}
	lasts := func(trip func(context.Context) error) time.Duration {
		began := time.Now()
		for range turn {
			if err := trip(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(began)
	}
	var oursLasts, rawLasts time.Duration
	for b.Loop() {
		oursLasts += lasts(ours)
		rawLasts += lasts(raw)
	}
	trips := float64(b.N * turn)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(oursLasts.Microseconds())/trips, "leasehold-µs")
	b.ReportMetric(float64(rawLasts.Microseconds())/trips, "raw-µs")
	b.ReportMetric(float64(oursLasts)/float64(rawLasts), "ours/raw")
}
