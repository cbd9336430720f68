package redisstore

import (
	"context"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

// Delete implements [store.Store]. A create with a deleted nonce is refused for five
// minutes. There is room for 900 nonces of a key that had no record when they were deleted,
// and then such a Delete is unavailable; none is forgotten early. The nonce of a lease that
// ended otherwise is known for a day, and as long as fewer than eight later ones of its key
// have ended.
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	d := store.Deletion{Key: key, Ref: ref}
	if err := d.Check(); err != nil {
		return err
	}
	var texts strings.Builder
	texts.Grow(len(key) + textCost)
	c := s.deletion(newCall(), d, &texts)
	defer c.free()
	s.transport.do(ctx, c)
	return s.deleted(d, c)
}

// DeleteBatch implements [store.BatchDeleter].
func (s *Store) DeleteBatch(ctx context.Context, batch []store.Deletion) []error {
	errs := make([]error, len(batch))
	b := newBatch(len(batch))
	for i, d := range batch {
		if errs[i] = d.Check(); errs[i] == nil {
			b.sent = append(b.sent, s.deletion(&b.calls[i], d, &b.texts))
		}
	}
	s.transport.do(ctx, b.sent...)
	confirmed := 0
	for i, d := range batch {
		if errs[i] == nil {
			if errs[i] = s.deleted(d, &b.calls[i]); errs[i] == nil {
				confirmed++
			}
		}
	}
	b.free(confirmed)
	return errs
}

// deleted takes in the answer to a deletion.
func (s *Store) deleted(d store.Deletion, c *call) error {
	_, err := c.number("delete", d.Key)
	if err == nil {
		s.index.sweepLater(d.Key)
		s.listener.deletes.Mark(d.Key, store.CauseDeleted) // others' deletes are told by the server
	}
	return err
}

func (s *Store) deletion(c *call, d store.Deletion, texts *strings.Builder) *call {
	token, mark := "", ""
	if d.Ref.Token != 0 {
		token = digitsIn(texts, d.Ref.Token)
	} else {
		mark = string(appendMark(nil, d.Ref.Nonce))
		s.next.forget(mark)
	}
	return c.ready(deleteScript, closing, s.layout.in(texts, d.Key), 0, token, mark).with(s.self)
}
