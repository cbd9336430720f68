package etcdstore

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/store"
)

// Delete implements [store.Store]. A delete that was not confirmed is made again before the
// next keep-alive of the record's shared etcd lease.
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	if err := (store.Deletion{Key: key, Ref: ref}).Check(); err != nil {
		return err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return failed("delete", key, reads, err)
	}
	defer leave()
	if ref.Token == 0 {
		return s.deleteByNonce(ctx, key, ref.Nonce)
	}
	d := &guardedOp{op: "delete", key: key, ref: ref, remove: true}
	m, doubted := s.records.fillKnown(d)
	if doubted {
		return s.deleteByNonce(ctx, key, m.nonce)
	}
	s.execute(ctx, []*guardedOp{d})
	s.records.update(m, d)
	return d.err
}

// DeleteBatch implements [store.BatchDeleter]. Deletes by token are put into transactions,
// as many into one as the servers take, each guarded by itself. Deletes by nonce are sent
// one by one, a few at a time.
func (s *Store) DeleteBatch(ctx context.Context, batch []store.Deletion) []error {
	errs := make([]error, len(batch))
	ctx, leave, err := s.tasks.enter(ctx)
	if err == nil {
		defer leave()
	}
	var items []*guardedOp
	var members []*member
	var places, byNonce []int // indexes into the batch
	nonces := make([]store.Nonce, len(batch))
	for i, item := range batch {
		if errs[i] = item.Check(); errs[i] != nil {
			continue
		}
		if err != nil {
			errs[i] = failed("delete", item.Key, reads, err)
			continue
		}
		d := &guardedOp{op: "delete", key: item.Key, ref: item.Ref, remove: true}
		m, doubted := s.records.fillKnown(d)
		switch {
		case item.Ref.Token == 0:
			nonces[i], byNonce = item.Ref.Nonce, append(byNonce, i)
		case doubted:
			nonces[i], byNonce = m.nonce, append(byNonce, i)
		default:
			items, members, places = append(items, d), append(members, m), append(places, i)
		}
	}
	var both sync.WaitGroup
	both.Go(func() {
		inParallel(byNonce, func(i int) { errs[i] = s.deleteByNonce(ctx, batch[i].Key, nonces[i]) })
	})
	s.execute(ctx, items)
	for i, d := range items {
		s.records.update(members[i], d)
		errs[places[i]] = d.err
	}
	both.Wait()
	return errs
}

// deleteByNonce ends a nonce. If that fails its members are left to the next keep-alive.
func (s *Store) deleteByNonce(ctx context.Context, key string, n store.Nonce) error {
	err := s.marker.endNonce(ctx, key, n, 0)
	s.records.settle(key, n, err == nil)
	if err != nil {
		return failed("delete", key, writes, err)
	}
	return nil
}
