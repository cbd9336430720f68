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

// UpdateWith implements [store.Logger] and [store.Requester]. The script of the
// value stores the entries too, or, with an answer, the next command of the same pipeline.
func (s *Store) UpdateWith(ctx context.Context, update store.Update, with store.Addition) error {
	if err := cmp.Or(update.Check(), with.Check()); err != nil {
		return err
	}
	return s.updateWith(ctx, update, with)
}

func (s *Store) updateWith(ctx context.Context, u store.Update, with store.Addition) error {
	if len(with.Log.Values) == 0 {
		c := s.newUpdate(u, with.Answer)
		s.transport.do(ctx, c)
		_, err := c.number("update", u.Key)
		c.free()
		return err
	}
	dropped, err := s.updateWithLog(ctx, u, with)
	if err == nil && dropped != nil && with.Log.Failed != nil {
		with.Log.Failed(dropped)
	}
	return err
}

// updateWithLog writes a value, and the entries with it. It returns why the entries were not
// stored, and why the value was not.
func (s *Store) updateWithLog(ctx context.Context, u store.Update, with store.Addition) (dropped, err error) {
	if with.Answer != nil {
		c, entries := s.newUpdate(u, with.Answer), s.newAppend(u.Key, u.Token, fmt.Sprintf("%020d", u.Seq), with.Log)
		s.transport.do(ctx, c, entries)
		if _, err := c.number("update", u.Key); err != nil {
			return nil, err
		}
		_, dropped = entries.number("append log", u.Key)
		if errors.Is(dropped, store.ErrStale) { // a pipeline of its own was faster than that of the update
			dropped = s.appendLog(ctx, u.Key, u.Token, with.Log)
		}
		return dropped, nil
	}
	c := s.newLogCall(updateLogScript, u.Key, u.Token, with.Log, s.layout.ofKey(u.Key), written(u.Seq, u.Value), own(u.Value))
	c.cost += len(u.Value)
	s.transport.do(ctx, c)
	reply, err := c.reply()
	if row, _ := reply.([]any); err == nil && reason(row) == "dropped" {
		text, _ := at[string](row, 1)
		return failed("append log", u.Key, reads, scriptError(text)), nil // it is no doubt
	}
	if err != nil && denied(err) { // perhaps the right to the log is missing, and nothing was written
		return failed("append log", u.Key, reads, err), s.updateWith(ctx, u, store.Addition{})
	}
	_, err = c.number("update", u.Key)
	return nil, err
}

func (s *Store) newUpdate(u store.Update, a *store.Answer) *call {
	if a != nil {
		return s.newAnswer(updateAnswerScript, u.Key, u.Token, *a, s.layout.ofKey(u.Key), written(u.Seq, u.Value), own(u.Value))
	}
	return newCall().ready(updateScript, plainCall, s.layout.of(u.Key), len(u.Value),
		digits(u.Token), written(u.Seq, u.Value), own(u.Value))
}
