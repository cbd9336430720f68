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
	d := writeOf("update", store.Renewal(update))
	if with.Answer != nil {
		return s.answerWith(ctx, d, *with.Answer)
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
