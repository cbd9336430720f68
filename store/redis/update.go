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
	cmd := newCommand(ctx, updateScript, s.layout.of(u.Key),
		uint64(u.Token), u.Seq, u.Value, s.layout.changes)
	if err := s.send(ctx, cmd); err != nil {
		return failed("update", u.Key, writes, err)
	}
	_, err := number("update", u.Key, cmd)
	return err
}
