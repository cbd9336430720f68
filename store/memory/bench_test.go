package memstore_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

// hold creates records and returns a renewal for each.
func hold(b *testing.B, st *memstore.Store, records int, value []byte) []store.Renewal {
	b.Helper()
	writes := make([]store.Renewal, records)
	for i := range writes {
		c := claim(fmt.Sprintf("bench:%d", i))
		c.TTL = time.Hour // longer than any benchmark
		writes[i] = store.Renewal{Key: c.Key, Token: create(b, st, c), Value: value}
	}
	return writes
}

func BenchmarkCreateAndDelete(b *testing.B) {
	st := memstore.New()
	c := claim("bench")
	b.ReportAllocs()
	for b.Loop() {
		c.Nonce = store.NewNonce()
		grant, err := st.Create(b.Context(), c)
		if err != nil {
			b.Fatal(err)
		}
		if err := st.Delete(b.Context(), c.Key, store.ByToken(grant.Token)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateHeld(b *testing.B) {
	st := memstore.New()
	c := claim(hold(b, st, 1, nil)[0].Key)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := st.Create(b.Context(), c); !errors.Is(err, store.ErrHeld) {
			b.Fatal(err)
		}
	}
}

func BenchmarkRenew(b *testing.B) {
	for _, value := range [][]byte{nil, make([]byte, 1024)} {
		for _, size := range []int{1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("value=%d/batch=%d", len(value), size), func(b *testing.B) { benchRenew(b, size, value) })
		}
	}
}

func benchRenew(b *testing.B, size int, value []byte) {
	st := memstore.New()
	batch := hold(b, st, size, value)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			batch[i].Seq++
		}
		for _, answer := range st.Renew(b.Context(), batch) {
			if answer.Err != nil {
				b.Fatal(answer.Err)
			}
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	st := memstore.New()
	w := hold(b, st, 1, make([]byte, 1024))[0]
	b.ReportAllocs()
	for b.Loop() {
		w.Seq++
		if err := st.Update(b.Context(), store.Update(w)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	st := memstore.New()
	key := hold(b, st, 1, nil)[0].Key
	b.ReportAllocs()
	for b.Loop() {
		if _, err := st.Get(b.Context(), key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	for _, size := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprintf("records=%d", size), func(b *testing.B) {
			st := memstore.New()
			hold(b, st, size, nil)
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, err := range st.List(b.Context(), "bench:") {
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

// BenchmarkWatchDelivery measures from the call of Update to the event in a watch.
func BenchmarkWatchDelivery(b *testing.B) {
	st := memstore.New()
	w := hold(b, st, 1, nil)[0]
	ctx, stop := context.WithCancel(b.Context())
	got := make(chan store.EventKind)
	go func() {
		defer close(got)
		for e, err := range st.Watch(ctx, "bench:") {
			if err != nil {
				return
			}
			got <- e.Kind
		}
	}()
	for <-got != store.EventSynced {
	}
	b.ReportAllocs()
	for b.Loop() {
		w.Seq++
		w.Value = strconv.AppendUint(nil, w.Seq, 10) // an unchanged value is not an event
		if err := st.Update(b.Context(), store.Update(w)); err != nil {
			b.Fatal(err)
		}
		for <-got != store.EventPut {
		}
	}
	stop()
	<-got
}
