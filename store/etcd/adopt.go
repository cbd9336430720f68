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

// errLeft says that the store no longer keeps an etcd lease alive, because a leftover on it
// cannot be deleted, or because the user may no longer write a key on it. The next renew moves
// a record that is still held to another etcd lease.
var errLeft = errors.New("the etcd lease is left to end, with what the user may not write on it")

// adopt puts the records of executed operations on etcd leases that this store keeps alive,
// and answers the operations. A record on an etcd lease of another store, or on one that was
// left, has to be moved: to renew its etcd lease would renew every other record on it.
func (p *pool) adopt(ctx context.Context, items []*guardedOp) {
	onLease := make(map[clientv3.LeaseID][]*guardedOp)
	for _, d := range items {
		onLease[d.lease] = append(onLease[d.lease], d)
	}
	var mu sync.Mutex
	var movers, moved []*guardedOp
	var shared []*sharedLease
	inParallel(slices.Collect(maps.Values(onLease)), func(some []*guardedOp) {
		for i, d := range some {
			sh, err := p.sharedFor(ctx, d)
			if err != nil { // it would be the same for the others
				for _, d := range some[i:] {
					renewal{err: &unsentError{err}}.answer(d)
				}
				return
			}
			m := &guardedOp{op: d.op, key: d.key, ref: d.ref, revision: d.revision, note: d.note, lease: d.lease}
			if d.lease != sh.lease {
				m.onto = sh.lease // else the record is only checked: it may be gone by now
			}
			mu.Lock()
			movers = append(movers, m)
			moved, shared = append(moved, d), append(shared, sh)
			mu.Unlock()
		}
	})
	p.execute(ctx, movers)
	var done []*sharedLease
	for i, m := range movers {
		moved[i].lease = m.lease
		p.addMoved(shared[i], m)
		if m.err == nil {
			done = append(done, shared[i])
		}
	}
	proven := p.proven(ctx, done)
	for i, m := range movers {
		r := renewal{err: m.err}
		if r.err == nil {
			r = proven[shared[i]]
			p.records.extendUntil(m.key, m.ref.Token, r.until)
		}
		r.answer(moved[i])
	}
}

// sharedFor returns the shared etcd lease that a record is on or, if this store does not keep
// that alive, another to move the record to. Like acquireShared it counts a create as in
// flight there.
func (p *pool) sharedFor(ctx context.Context, d *guardedOp) (*sharedLease, error) {
	if sh := p.reserveOn(d.lease); sh != nil {
		err := p.keepAlive(ctx, sh, false)
		if err == nil {
			return sh, nil
		}
		p.unreserve(sh)
		if !errors.Is(err, errLeft) {
			return nil, err
		}
	}
	return p.acquireShared(ctx, int64(d.note.ttl/time.Second))
}

// addMoved adds a member for a record that was moved to a shared etcd lease. If the move is
// in doubt the member has no revision, so that the next write reads the record first.
func (p *pool) addMoved(sh *sharedLease, d *guardedOp) {
	switch {
	case isForbidden(d.err):
		p.suspectLease(sh) // the right to another key on it may be missing
		return
	case d.err != nil && !errors.Is(d.err, store.ErrInDoubt):
		p.unreserve(sh)
		return
	}
	m := &member{shared: sh, key: d.key, nonce: d.note.nonce, token: d.ref.Token, seq: d.note.seq, size: d.note.size}
	if d.err == nil {
		m.revision = d.revision
	}
	p.addMember(m)
}
