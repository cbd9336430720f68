package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// byTurns measures two contenders by turns. Its metrics are the microseconds of each, and how
// many times as long the first takes.
func byTurns(b *testing.B, first, second string, do [2]func() error) {
	var spent [2]time.Duration
	for b.Loop() {
		for i, one := range do {
			began := time.Now()
			for range turn {
				if err := one(); err != nil {
					b.Fatal(err)
				}
			}
			spent[i] += time.Since(began)
		}
	}
	calls := float64(b.N * turn)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(spent[0].Microseconds())/calls, first+"-µs")
	b.ReportMetric(float64(spent[1].Microseconds())/calls, second+"-µs")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), first+"/"+second)
}

// BenchmarkUpdateWithLog compares an update that carries an entry of 200 bytes with one that
// carries none.
func BenchmarkUpdateWithLog(b *testing.B) {
	s := start(b)
	w := store.Update{Key: "bench", Token: s.hold("bench").Token, Value: make([]byte, 200)}
	e := logEntries(0, string(make([]byte, 200)))
	byTurns(b, "logged", "plain", [2]func() error{
		func() error {
			w.Seq++
			e.First++
			return s.UpdateWith(b.Context(), w, store.Addition{Log: e})
		},
		func() error {
			w.Seq++
			return s.Update(b.Context(), w)
		},
	})
}

// BenchmarkReadLog compares a read of the newest 100 entries of a log with the bare command.
func BenchmarkReadLog(b *testing.B) {
	s := start(b)
	token := s.hold("bench").Token
	for n := uint64(1); n <= 1000; n++ {
		if err := s.AppendLog(b.Context(), "bench", token, logEntries(n, string(make([]byte, 200)))); err != nil {
			b.Fatal(err)
		}
	}
	name := s.logName("bench")
	byTurns(b, "leasehold", "raw", [2]func() error{
		func() error {
			n := 0
			for _, err := range s.ReadLog(b.Context(), "bench", store.LogQuery{Backward: true, Limit: 100}) {
				if err != nil {
					return err
				}
				n++
			}
			if n != 100 {
				return fmt.Errorf("%d entries", n)
			}
			return nil
		},
		func() error { return s.plain.XRevRangeN(b.Context(), name, "+", "-", 100).Err() },
	})
}
