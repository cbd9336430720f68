package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/leasehold-go/leasehold/store"
)

// Update implements [store.Store]. The expiry does not move by a millisecond.
func (s *Store) Update(ctx context.Context, update store.Update) error {
	return s.UpdateWith(ctx, update, store.Addition{})
}

// UpdateWith implements [store.Logger] and [store.Requester]. The entries are the next command of
// the same pipeline.
func (s *Store) UpdateWith(ctx context.Context, update store.Update, with store.Addition) error {
	if err := cmp.Or(update.Check(), with.Check()); err != nil {
		return err
	}
	return s.updateWith(ctx, update, with)
}

func (s *Store) updateWith(ctx context.Context, update store.Update, with store.Addition) error {
	c := s.newUpdate(update, with.Answer)
	if len(with.Log.Values) == 0 {
		s.transport.do(ctx, c)
		_, err := c.number("update", update.Key)
		return err
	}
	entries := s.newAppend(update.Key, update.Token, fmt.Sprintf("%020d", update.Seq), with.Log)
	s.transport.do(ctx, c, entries)
	_, err := c.number("update", update.Key)
	if err != nil {
		return err
	}
	_, dropped := entries.number("append log", update.Key)
	if errors.Is(dropped, store.ErrStale) { // a pipeline of its own was faster than that of the update
		entries = s.newAppend(update.Key, update.Token, "", with.Log)
		s.transport.do(ctx, entries)
		_, dropped = entries.number("append log", update.Key)
	}
	if dropped != nil && !errors.Is(dropped, store.ErrInDoubt) && with.Log.Failed != nil {
		with.Log.Failed(dropped)
	}
	return nil
}

func (s *Store) newUpdate(u store.Update, a *store.Answer) *call {
	if a != nil {
		return s.newAnswer(updateAnswerScript, u.Key, u.Token, *a, s.layout.ofKey(u.Key), written(u.Seq, u.Value), own(u.Value))
	}
	return new(call).ready(updateScript, plainCall, s.layout.of(u.Key), len(u.Value),
		digits(u.Token), written(u.Seq, u.Value), own(u.Value))
}
