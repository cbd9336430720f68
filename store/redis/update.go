package redisstore

import (
	"cmp"
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Update implements [store.Store]. The expiry does not move by a millisecond.
func (s *Store) Update(ctx context.Context, update store.Update) error {
	return s.UpdateWith(ctx, update, store.Addition{})
}

// UpdateWith implements [store.Requester].
func (s *Store) UpdateWith(ctx context.Context, update store.Update, with store.Addition) error {
	if err := cmp.Or(update.Check(), with.Check(), withoutLog(update.Key, with)); err != nil {
		return err
	}
	if with.Answer != nil {
		return s.updateWithAnswer(ctx, update, *with.Answer)
	}
	return s.update(ctx, update)
}

// withoutLog refuses an addition to a log.
func withoutLog(key string, with store.Addition) error {
	if len(with.Log.Values) == 0 {
		return nil
	}
	return &store.InvalidError{Key: key, What: "log entries", Rule: "this store keeps no log"}
}

func (s *Store) update(ctx context.Context, u store.Update) error {
	c := new(call).ready(updateScript, plainCall, s.layout.of(u.Key), len(u.Value),
		digits(u.Token), written(u.Seq, u.Value), own(u.Value))
	s.transport.do(ctx, c)
	_, err := c.number("update", u.Key)
	return err
}
