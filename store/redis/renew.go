package redisstore

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Renew implements [store.Store]. The batch is a few requests to each master, all sent
// together; each renewal has its own answer.
func (s *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	results := make([]store.RenewResult, len(batch))
	for i, r := range batch {
		results[i].Err = r.Check()
	}
	began := s.renew(ctx, batch, results)
	s.index.refresh(batch, results, began)
	return results
}

// renew sends the valid renewals, which have no error in results yet, and returns when it began.
func (s *Store) renew(ctx context.Context, batch []store.Renewal, results []store.RenewResult) time.Time {
	began := time.Now()
	b := newBatch(len(batch))
	var texts strings.Builder // of all calls, so that they are one allocation
	texts.Grow(len(batch) * textCost)
	for i, r := range batch {
		if results[i].Err == nil {
			b.sent = append(b.sent, s.renewal(&b.calls[i], r, &texts))
		}
	}
	s.transport.do(ctx, b.sent...)
	confirmed := 0
	for i, r := range batch {
		if results[i].Err != nil {
			continue
		}
		ttl, err := b.calls[i].number("renew", r.Key)
		if err != nil {
			results[i].Err = err
			continue
		}
		results[i].Until = began.Add(timeLeft(ttl))
		confirmed++
	}
	if confirmed == len(b.sent) {
		b.free()
	}
	return began
}

func (s *Store) renewal(c *call, r store.Renewal, texts *strings.Builder) *call {
	n, token := s.layout.in(texts, r.Key), digitsIn(texts, r.Token)
	if len(r.Value) == 0 {
		return c.ready(renewScript, renewal, n, 0, token)
	}
	return c.ready(renewScript, renewal, n, len(r.Value), token, written(r.Seq, r.Value), own(r.Value))
}

// batch is the calls of a batch. They are used again if the servers have confirmed all of them:
// a sender can still have one that failed.
type batch struct {
	calls []call
	sent  []*call // those that are valid
}

const maxKept = 1024 // calls in a batch that is kept to be used again

var batches = sync.Pool{New: func() any { return new(batch) }}

// newBatch returns a batch of n zero calls.
func newBatch(n int) *batch {
	b := batches.Get().(*batch)
	if cap(b.calls) < n {
		b.calls, b.sent = make([]call, n), make([]*call, 0, n)
	}
	b.calls = b.calls[:n]
	return b
}

// free gives the calls up.
func (b *batch) free() {
	clear(b.calls)
	clear(b.sent)
	b.sent = b.sent[:0]
	if cap(b.calls) <= maxKept {
		batches.Put(b)
	}
}

// textCost is about what a call has in names and digits, beside its key.
const textCost = 64

// digitsIn writes a token as a fence has it, so that they compare as text.
func digitsIn(texts *strings.Builder, t store.Token) string {
	var room [16]byte
	texts.Write(appendPadded(room[:0], uint64(t), 16))
	return texts.String()[texts.Len()-16:]
}

// digits writes a token as a fence has it, so that they compare as text.
func digits(t store.Token) string {
	var room [16]byte
	return string(appendPadded(room[:0], uint64(t), 16))
}
