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
	for i, d := range batch {
		if errs[i] = store.CheckKey(d.Key); errs[i] == nil {
			errs[i] = d.Ref.Check()
		}
	}
	s.delete(ctx, batch, errs)
	for i, d := range batch {
		if errs[i] == nil {
			s.index.sweepLater(d.Key)
			s.listener.deletes.Mark(d.Key, store.CauseDeleted) // others' deletes are told by the server
		}
	}
	return errs
}

// delete sends the deletions that have no error yet.
func (s *Store) delete(ctx context.Context, batch []store.Deletion, errs []error) {
	calls := make([]call, len(batch))
	sent := make([]*call, 0, len(batch))
	for i, d := range batch {
		if errs[i] == nil {
			sent = append(sent, s.deletion(&calls[i], d))
		}
	}
	s.transport.do(ctx, sent...)
	for i, d := range batch {
		if errs[i] == nil {
			reply, err := calls[i].reply()
			_, errs[i] = number("delete", d.Key, reply, err)
		}
	}
}

func (s *Store) deletion(c *call, d store.Deletion) *call {
	token, nonce := "", ""
	if d.Ref.Token != 0 {
		token = digits(d.Ref.Token)
	} else {
		nonce = string(d.Ref.Nonce[:])
	}
	return c.ready(deleteScript, closing, s.layout.of(d.Key), 0, token, nonce, s.store)
}
