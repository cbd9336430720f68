package redisstore

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Delete implements [store.Store]. A create by a nonce that had no record when it was deleted
// is refused for twenty minutes; there is room for some 250 such nonces of a key, and then
// Delete is unavailable. Another nonce that has ended is known for a day, and as long as fewer than
// sixteen later ones of its key have ended.
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	return s.DeleteBatch(ctx, []store.Deletion{{Key: key, Ref: ref}})[0]
}

// DeleteBatch implements [store.BatchDeleter].
func (s *Store) DeleteBatch(ctx context.Context, batch []store.Deletion) []error {
	errs := make([]error, len(batch))
	items := make([]item, 0, len(batch))
	for i, d := range batch {
		if errs[i] = store.CheckKey(d.Key); errs[i] == nil {
			errs[i] = d.Ref.Check()
		}
		if errs[i] == nil {
			items = append(items, s.deletion(d, i))
		}
	}
	s.delete(ctx, items, errs)
	for _, i := range items {
		if errs[i.place] == nil {
			s.index.sweepLater(i.names)
			s.listener.deletes.Mark(i.key, store.CauseDeleted) // others' deletes are told by the server
		}
	}
	return errs
}

func (s *Store) delete(ctx context.Context, items []item, errs []error) {
	s.inBatches(ctx, deleteScript, closing, items, func(i item, reply any, err error) {
		_, errs[i.place] = number("delete", i.key, reply, err)
	})
}

func (s *Store) deletion(d store.Deletion, place int) item {
	i := item{names: s.layout.of(d.Key), place: place}
	i.args = [3]any{"", "", s.store}
	if d.Ref.Token != 0 {
		i.args[0] = digits(d.Ref.Token)
	} else {
		i.args[1] = string(d.Ref.Nonce[:])
	}
	return i
}
