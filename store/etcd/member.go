package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// member is a record that this store put on a shared etcd lease.
type member struct {
	shared    *sharedLease
	key       string
	nonce     store.Nonce
	token     store.Token // zero while the create is in doubt
	since     time.Time   // when the create was answered
	revision  int64       // of the last write of record and note; zero if unknown
	seq       uint64
	size      int
	until     time.Time // as returned to its holder; afterwards the record is a leftover
	pins      int       // calls under way that keep it past until
	unwanted  bool      // to be deleted: its time is over, its delete was not confirmed, or its holder lost it
	doubted   bool      // a create with its nonce was in doubt and may still be under way
	elsewhere bool      // that create may have put the record on another etcd lease of this store
}

// matches reports whether ref names the lease of the record.
func (m *member) matches(ref store.LeaseRef) bool {
	if ref.Token != 0 {
		return m.token == ref.Token
	}
	return m.nonce == ref.Nonce
}

// onlyLease is the etcd lease to restrict a delete of the record to, or zero if the record
// can be on another one of this store.
func (m *member) onlyLease() clientv3.LeaseID {
	if m.elsewhere {
		return 0
	}
	return m.shared.lease
}

// pin keeps records on their etcd lease while a call uses them, even past their deadline.
// Late members are already to be deleted: the call has to discard them, and then to read the
// record.
func (p *pool) pin(items []*guardedOp) (pinned, late []*member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range items {
		for _, m := range []*member{p.held[d.key], p.doubts[d.ref.Nonce]} {
			switch {
			case m == nil || !m.matches(d.ref):
			case m.unwanted:
				late = append(late, m)
			default:
				m.pins++
				pinned = append(pinned, m)
			}
		}
	}
	return pinned, late
}

func (p *pool) unpin(members []*member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range members {
		m.pins--
	}
}

// fillKnown fills in the state of the record from the store's own writes, and returns the
// member, or nil if the store has none.
func (p *pool) fillKnown(d *guardedOp) *member {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.held[d.key]
	if d.ref.Token == 0 || m == nil || !m.matches(d.ref) {
		return nil
	}
	d.revision, d.lease = m.revision, m.shared.lease
	d.note = note{nonce: m.nonce, seq: m.seq, ttl: m.shared.ttl, size: m.size}
	if len(d.value) > 0 && d.seq < m.seq {
		d.revision = 0 // read first: the record's number refuses it
	}
	return m
}

// updateMember notes the result of an operation on a member.
func (p *pool) updateMember(m *member, d *guardedOp) {
	if m == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case d.remove && d.err == nil:
		p.drop(m)
	case d.remove, errors.Is(d.err, store.ErrLost), errors.Is(d.err, store.ErrForeign):
		m.unwanted = true
	case d.err == nil:
		m.revision, m.seq, m.size = d.revision, d.note.seq, d.note.size
	}
}

// extendUntil notes the until that is returned to the holder of a record. It never moves back.
func (p *pool) extendUntil(key string, token store.Token, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m := p.held[key]; m != nil && m.token == token {
		m.until = later(m.until, until)
	}
}

// isMember reports whether the record of an operation is a member, on the etcd lease on
// which it was found.
func (p *pool) isMember(d *guardedOp) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.held[d.key]
	return m != nil && m.token == d.ref.Token && m.shared.lease == d.lease
}

// addMember ends a create in flight that put its record on the shared etcd lease, or may
// have done so: then the member has no token. It returns the earliest moment at which the
// server may drop the record.
func (p *pool) addMember(m *member) (until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.shared.pending--
	m.since, m.until = time.Now(), m.shared.until()
	if before := p.doubts[m.nonce]; before != nil {
		m.doubted = true
		m.elsewhere = before.elsewhere || before.shared != m.shared
		p.drop(before)
	}
	switch {
	case m.shared.endErr != nil:
		return m.until
	case m.token == 0:
		p.addInDoubt(m)
	default:
		p.addHeld(m)
	}
	return m.until
}

// addInDoubt is addMember for a create in doubt. The create may repeat an answered one. The
// caller holds the pool's mutex.
func (p *pool) addInDoubt(m *member) {
	if held := p.held[m.key]; held != nil && held.nonce == m.nonce {
		held.doubted = true
		return
	}
	p.doubts[m.nonce] = m
	m.shared.members[m] = struct{}{}
}

// addHeld is addMember for a record. Answers can overtake each other: of two leases of a key,
// only the later can still exist. The caller holds the pool's mutex.
func (p *pool) addHeld(m *member) {
	before := p.held[m.key]
	m.shared.members[m] = struct{}{}
	switch {
	case before == nil:
	case before.token == m.token:
		m.doubted, m.elsewhere = m.doubted || before.doubted, m.elsewhere || before.elsewhere
		p.drop(before)
	case before.token > m.token:
		m.unwanted = true
		return
	default:
		before.unwanted = true
	}
	p.held[m.key] = m
}

// discard deletes leftovers. It leaves a record that was moved to another etcd lease, as by
// another store that renews it.
func (p *pool) discard(ctx context.Context, leftovers []*member) (err error) {
	var items []*guardedOp
	var members []*member
	for _, m := range leftovers {
		if m.token != 0 && !m.doubted {
			members = append(members, m)
			items = append(items, &guardedOp{op: "delete", key: m.key, ref: store.ByToken(m.token), remove: true,
				from: m.shared.lease, revision: m.revision})
			continue
		}
		if err := p.marker.endNonce(ctx, m.key, m.nonce, m.onlyLease()); err != nil {
			return leftoverError(m.key, err)
		}
		p.forget(m) // now, so that the next try goes on with the others
	}
	p.execute(ctx, items)
	for i, d := range items {
		if d.err != nil {
			err = leftoverError(d.key, d.err)
		} else {
			p.forget(members[i])
		}
	}
	return err
}

// leftoverError is the error of a keep-alive that was not sent because key could not be
// deleted. If the servers refuse the delete for good, as after a change of the user's
// rights, the etcd lease is left.
func leftoverError(key string, err error) error {
	if isDenied(err) || errors.Is(err, errBusy) {
		return errLeft
	}
	return &unsentError{fmt.Errorf("%q is to go before its etcd lease is renewed: %w", key, bare(err))}
}

// forget is drop for a caller that does not hold the mutex.
func (p *pool) forget(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop(m)
}

// drop forgets a member. The caller holds the pool's mutex.
func (p *pool) drop(m *member) {
	delete(m.shared.members, m)
	if p.held[m.key] == m {
		delete(p.held, m.key)
	}
	if p.doubts[m.nonce] == m {
		delete(p.doubts, m.nonce)
	}
}
