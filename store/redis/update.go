package redisstore

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Update implements [store.Store]. The expiry does not move by a millisecond.
func (s *Store) Update(ctx context.Context, update store.Update) error {
	if err := update.Check(); err != nil {
		return err
	}
	return s.update(ctx, update)
}

func (s *Store) update(ctx context.Context, u store.Update) error {
	c := new(call).ready(updateScript, plainCall, s.layout.of(u.Key), len(u.Value),
		digits(u.Token), written(u.Seq, u.Value), own(u.Value))
	s.transport.do(ctx, c)
	_, err := c.number("update", u.Key)
	return err
}
