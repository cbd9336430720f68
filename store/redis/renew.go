package redisstore

import (
	"context"
	"strings"
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
	for i, r := range batch {
		if results[i].Err == nil {
			b.sent = append(b.sent, s.renewal(&b.calls[i], r, &b.texts))
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
	b.free(confirmed)
	return began
}

func (s *Store) renewal(c *call, r store.Renewal, texts *strings.Builder) *call {
	n, token := s.layout.in(texts, r.Key), digitsIn(texts, r.Token)
	if len(r.Value) == 0 {
		return c.ready(renewScript, renewal, n, 0, token)
	}
	return c.ready(renewScript, renewal, n, len(r.Value), token, written(r.Seq, r.Value), own(r.Value))
}

// digitsIn writes digits into a text that has room for them.
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
