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
		return s.pool.deleteByNonce(ctx, key, ref.Nonce)
	}
	d := &guardedOp{op: "delete", key: key, ref: ref, remove: true}
	m := s.pool.fillKnown(d)
	if m != nil && m.doubted {
		return s.pool.deleteByNonce(ctx, key, m.nonce)
	}
	s.execute(ctx, []*guardedOp{d})
	s.pool.updateMember(m, d)
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
		m := s.pool.fillKnown(d)
		switch {
		case item.Ref.Token == 0:
			nonces[i], byNonce = item.Ref.Nonce, append(byNonce, i)
		case m != nil && m.doubted:
			nonces[i], byNonce = m.nonce, append(byNonce, i)
		default:
			items, members, places = append(items, d), append(members, m), append(places, i)
		}
	}
	var both sync.WaitGroup
	both.Go(func() {
		inParallel(byNonce, func(i int) { errs[i] = s.pool.deleteByNonce(ctx, batch[i].Key, nonces[i]) })
	})
	s.execute(ctx, items)
	for i, d := range items {
		s.pool.updateMember(members[i], d)
		errs[places[i]] = d.err
	}
	both.Wait()
	return errs
}

// deleteByNonce ends a nonce. If that fails its members are left to the next keep-alive.
func (p *pool) deleteByNonce(ctx context.Context, key string, n store.Nonce) error {
	err := p.marker.endNonce(ctx, key, n, 0)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range []*member{p.doubts[n], p.held[key]} {
		switch {
		case m == nil || m.nonce != n:
		case err == nil:
			p.drop(m)
		default:
			m.unwanted = true
		}
	}
	if err != nil {
		return failed("delete", key, writes, err)
	}
	return nil
}
