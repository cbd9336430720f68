package etcdstore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// errLeft says that a lease is not kept alive any more, because what is to go from it
// cannot be deleted. The records on it that somebody wants are put on another.
var errLeft = errors.New("the etcd lease is left to end, with what cannot be deleted from it")

// adopt sees to it that the records of operations which were carried out are kept alive by
// this store, and answers the operations. A record that is on a lease of another store, or on
// one that was left, is put on one of this store's: whoever renewed the lease that it is
// on would renew all that others have there.
func (s *Store) adopt(ctx context.Context, items []*guardedOp) {
	onLease := make(map[clientv3.LeaseID][]*guardedOp)
	for _, d := range items {
		onLease[d.lease] = append(onLease[d.lease], d)
	}
	var mu sync.Mutex
	var movers, moved []*guardedOp
	var shared []*sharedLease
	inParallel(slices.Collect(maps.Values(onLease)), func(some []*guardedOp) {
		for i, d := range some {
			sh, err := s.sharedFor(ctx, d)
			if err != nil { // the others would wait for the same
				for _, d := range some[i:] {
					renewal{err: &unsentError{err}}.answer(d)
				}
				return
			}
			m := &guardedOp{op: d.op, key: d.key, ref: d.ref, revision: d.revision, note: d.note, lease: d.lease}
			if d.lease != sh.lease {
				m.onto = sh.lease // else it is only seen to, for it may be gone meanwhile
			}
			mu.Lock()
			movers = append(movers, m)
			moved, shared = append(moved, d), append(shared, sh)
			mu.Unlock()
		}
	})
	s.execute(ctx, movers)
	for i, m := range movers {
		moved[i].lease = m.lease
		renewal{s.addMoved(shared[i], m), m.err}.answer(moved[i])
	}
}

// home returns the shared etcd lease that a record is on or, if it is on none that is kept
// alive, one to put it on. A create counts as in flight there.
func (s *Store) sharedFor(ctx context.Context, d *guardedOp) (*sharedLease, error) {
	if sh := s.reserveOn(d.lease); sh != nil {
		err := s.keepAlive(ctx, sh, false)
		if err == nil {
			return sh, nil
		}
		s.unreserve(sh)
		if !errors.Is(err, errLeft) {
			return nil, err
		}
	}
	return s.acquireShared(ctx, int64(d.note.ttl/time.Second))
}

// rejoin is reserve for what is on the lease already.
func (s *Store) reserveOn(lease clientv3.LeaseID) *sharedLease {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.sharedOf(lease)
	if sh != nil {
		sh.pending++
	}
	return sh
}

// settle makes a member of a record that was put on a shared etcd lease, or may have been: then the
// next write to it looks where it is.
func (s *Store) addMoved(sh *sharedLease, d *guardedOp) (until time.Time) {
	if d.err != nil && !errors.Is(d.err, store.ErrInDoubt) {
		s.unreserve(sh)
		return time.Time{}
	}
	m := &member{shared: sh, key: d.key, nonce: d.note.nonce, token: d.ref.Token, seq: d.note.seq, size: d.note.size}
	if d.err == nil {
		m.revision = d.revision
	}
	return s.addMember(m)
}

// isMember reports whether the record of an operation is a member's, on the lease on which it
// was found.
func (s *Store) isMember(d *guardedOp) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.held[d.key]
	return m != nil && m.token == d.ref.Token && m.shared.lease == d.lease
}
