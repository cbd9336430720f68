package redisstore

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Update implements [store.Store]. The expiry does not move by a millisecond.
func (s *Store) Update(ctx context.Context, write store.Write) error {
	if err := write.Check(); err != nil {
		return err
	}
	return s.update(ctx, write)
}

func (s *Store) update(ctx context.Context, w store.Write) error {
	cmd := newCommand(ctx, updateScript, s.layout.of(w.Key),
		uint64(w.Token), w.Seq, w.Value, s.layout.changes)
	if err := s.send(ctx, cmd); err != nil {
		return failed("update", w.Key, writes, err)
	}
	_, err := number("update", w.Key, cmd)
	return err
}
