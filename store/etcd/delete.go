package etcdstore

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Delete implements [store.Store]. One that is not confirmed is carried out before
// the lease that the record shares with others is renewed again.
func (s *Store) Delete(ctx context.Context, key string, ref store.LeaseRef) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	if err := ref.Check(); err != nil {
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
	d := &deed{op: "delete", key: key, term: ref, remove: true}
	m := s.recall(d)
	if m != nil && m.doubted {
		return s.deleteByNonce(ctx, key, m.nonce)
	}
	s.carryOut(ctx, []*deed{d})
	s.remember(m, d)
	return d.err
}

func (s *Store) deleteByNonce(ctx context.Context, key string, n store.Nonce) error {
	err := s.endNonce(ctx, key, n, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range []*member{s.doubts[n], s.held[key]} {
		switch {
		case m == nil || m.nonce != n:
		case err == nil:
			s.drop(m)
		default:
			m.unwanted = true
		}
	}
	if err != nil {
		return failed("delete", key, writes, err)
	}
	return nil
}
