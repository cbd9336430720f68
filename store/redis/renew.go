package redisstore

import (
	"context"
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
	calls := make([]call, len(batch))
	sent := make([]*call, 0, len(batch))
	for i, r := range batch {
		if results[i].Err == nil {
			sent = append(sent, s.renewal(&calls[i], r))
		}
	}
	s.transport.do(ctx, sent...)
	for i, r := range batch {
		if results[i].Err != nil {
			continue
		}
		ttl, err := calls[i].number("renew", r.Key)
		if err != nil {
			results[i].Err = err
			continue
		}
		results[i].Until = began.Add(timeLeft(ttl))
	}
	return began
}

func (s *Store) renewal(c *call, r store.Renewal) *call {
	n := s.layout.of(r.Key)
	if len(r.Value) == 0 {
		return c.ready(renewScript, renewal, n, 0, digits(r.Token))
	}
	return c.ready(renewScript, renewal, n, len(r.Value), digits(r.Token), written(r.Seq, r.Value), own(r.Value))
}

// digits writes a token as a fence has it, so that they compare as text.
func digits(t store.Token) string {
	var room [16]byte
	return string(appendPadded(room[:0], uint64(t), 16))
}
