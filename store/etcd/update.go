package etcdstore

import (
	"cmp"
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Update implements [store.Store]. The put leaves the record's etcd lease as it is.
func (s *Store) Update(ctx context.Context, update store.Update) error {
	return s.UpdateWith(ctx, update, store.Addition{})
}

// UpdateWith implements [store.Logger] and [store.Requester]. The value, the entries and the
// answer are one transaction.
func (s *Store) UpdateWith(ctx context.Context, update store.Update, with store.Addition) error {
	if err := cmp.Or(update.Check(), with.Check()); err != nil {
		return err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return failed("update", update.Key, reads, err)
	}
	defer leave()
	if len(with.Log.Values) > 0 {
		return s.updateWithLog(ctx, update, with)
	}
	return s.update(ctx, update, with.Answer, nil)
}

// update writes a value, with an answer and entries if there are any.
func (s *Store) update(ctx context.Context, u store.Update, answer *store.Answer, entries *entryPuts) error {
	d := writeOf("update", store.Renewal(u))
	d.entries = entries
	if answer != nil {
		return s.answerWith(ctx, d, *answer)
	}
	return s.write(ctx, d)
}

// write executes an operation that puts a value, an answer, or both.
func (s *Store) write(ctx context.Context, d *guardedOp) error {
	m, _ := s.records.fillKnown(d)
	s.execute(ctx, []*guardedOp{d})
	s.records.update(m, d)
	s.explain(ctx, []*guardedOp{d}, nil)
	return d.err
}
