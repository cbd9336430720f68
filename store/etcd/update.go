package etcdstore

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Update implements [store.Store]. The put leaves the record's etcd lease as it is.
func (s *Store) Update(ctx context.Context, update store.Update) error {
	if err := update.Check(); err != nil {
		return err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return failed("update", update.Key, reads, err)
	}
	defer leave()
	d := writeOf("update", store.Renewal(update))
	m, _ := s.records.fillKnown(d)
	s.execute(ctx, []*guardedOp{d})
	s.records.update(m, d)
	s.explain(ctx, []*guardedOp{d}, nil)
	return d.err
}
