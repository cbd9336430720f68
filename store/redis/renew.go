package redisstore

import (
	"context"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Renew implements [store.Store]. The batch is a few calls to each master, all sent
// together; each has its own answer.
func (s *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	results := make([]store.RenewResult, len(batch))
	items := make([]item, 0, len(batch))
	for i, r := range batch {
		if results[i].Err = r.Check(); results[i].Err == nil {
			items = append(items, s.renewal(r, i))
		}
	}
	s.renew(ctx, items, results)
	s.index.refresh(items, results)
	return results
}

func (s *Store) renew(ctx context.Context, items []item, results []store.RenewResult) {
	start := time.Now()
	s.inBatches(ctx, renewScript, renewal, items, func(i item, reply any, err error) {
		ttl, err := number("renew", i.key, reply, err)
		if err != nil {
			results[i.place].Err = err
			return
		}
		results[i.place].Until = start.Add(timeLeft(ttl))
	})
}

func (s *Store) renewal(r store.Renewal, place int) item {
	i := item{names: s.layout.of(r.Key), place: place, bytes: len(r.Value)}
	i.args = [3]any{digits(r.Token), "", ""}
	if len(r.Value) > 0 {
		i.args[1], i.args[2] = written(r.Seq, r.Value), own(r.Value)
	}
	return i
}

// digits writes a token as a fence has it, so that they compare as text.
func digits(t store.Token) string { return string(appendPadded(nil, uint64(t), 16)) }
