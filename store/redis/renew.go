package redisstore

import (
	"context"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// Renew implements [store.Store]. The batch is one round trip to each master.
func (s *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answers := make([]store.RenewResult, len(batch))
	sound := make([]store.Renewal, 0, len(batch))
	places := make([]int, 0, len(batch))
	for i, w := range batch {
		if answers[i].Err = w.Check(); answers[i].Err == nil {
			sound = append(sound, w)
			places = append(places, i)
		}
	}
	for i, answer := range s.renew(ctx, sound) {
		answers[places[i]] = answer
	}
	return answers
}

func (s *Store) renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answers := make([]store.RenewResult, len(batch))
	cmds := make([]*command, len(batch))
	start := time.Now()
	for i, w := range batch {
		cmds[i] = s.renewal(ctx, w)
	}
	err := s.sendFor(ctx, s.replicas, cmds...)
	for i, w := range batch {
		if err != nil {
			answers[i].Err = failed("renew", w.Key, writes, err)
		} else {
			answers[i] = renewed(w.Key, start, cmds[i])
		}
	}
	return answers
}

func (s *Store) renewal(ctx context.Context, w store.Renewal) *command {
	return newCommand(ctx, renewScript, s.layout.of(w.Key),
		uint64(w.Token), w.Seq, w.Value, s.layout.changes)
}

func renewed(key string, start time.Time, c *command) store.RenewResult {
	ttl, err := number("renew", key, c)
	if err != nil {
		return store.RenewResult{Err: err}
	}
	return store.RenewResult{Until: start.Add(timeLeft(ttl))}
}
