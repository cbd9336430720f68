package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

const (
	// maxMembers bounds what is lost with one lease.
	maxMembers = 16384
	// freshness is the part of a ttl for which a keep-alive also serves the calls
	// that come after it: what a batch has just asked for, the next need not.
	freshness = 16
)

// sharedLease is one etcd lease and the records on it. The store's mutex guards it.
type sharedLease struct {
	lease      clientv3.LeaseID
	ttl        time.Duration // that was granted
	sent       time.Time     // when the last keep-alive that was confirmed was sent
	members    map[*member]struct{}
	pending    int           // creates in flight
	endErr     error         // why it is not kept alive any more; nil while it is
	suspect    bool          // the server said so of this lease or of another
	underWay   chan struct{} // closed when the keep-alive under way is over; nil while there is none
	attached   attachedKeys
	deleteSeen time.Time // when a delete of a record on it was last heard of
}

// census is what the server says is on a lease. A key that was deleted, or put by
// another program, is not.
type attachedKeys struct {
	asked time.Time // when it was asked for
	names map[string]struct{}
}

// until is the earliest moment at which the server may drop the lease.
func (sh *sharedLease) until() time.Time { return sh.sent.Add(sh.ttl) }

// fresh reports whether the last keep-alive is recent enough for another call.
func (sh *sharedLease) fresh(now time.Time) bool {
	return !sh.suspect && now.Before(sh.sent.Add(sh.ttl/freshness))
}

// counted reports whether the last census is recent enough for another call.
func (sh *sharedLease) attachedFresh(now time.Time) bool {
	return sh.attached.asked.After(sh.deleteSeen) && now.Before(sh.attached.asked.Add(sh.ttl/freshness))
}

// confirms reports whether the last census found a record in its place.
func (sh *sharedLease) confirms(m *member) bool {
	_, there := sh.attached.names[m.key]
	_, noted := sh.attached.names[noteOf(m.key)]
	return there && noted && sh.attached.asked.After(m.since) && sh.attached.asked.After(sh.deleteSeen)
}

// empty reports whether the lease can be revoked: nothing is on it, nor about to be.
func (sh *sharedLease) empty() bool { return len(sh.members) == 0 && sh.pending == 0 }

// takes reports whether there is room for one more. A lease that may have ended by
// itself takes none.
func (sh *sharedLease) takes(now time.Time) bool {
	return sh.endErr == nil && now.Before(sh.until()) && len(sh.members)+sh.pending < maxMembers
}

// leftovers are the members that nobody wants any more, nor can want from here on. They
// must not live on because others on the same lease are kept alive.
func (sh *sharedLease) leftovers(now time.Time) []*member {
	var some []*member
	for m := range sh.members {
		if over := m.pins == 0 && now.After(m.until); m.unwanted || over {
			m.unwanted = true
			some = append(some, m)
		}
	}
	return some
}

// pool has the shared etcd leases of one ttl.
type pool struct {
	leases   []*sharedLease
	underWay chan struct{} // closed when the grant under way is over; nil while there is none
}

// room returns a shared etcd lease with room for one more record, whose create counts as in
// flight from here on, until leave.
func (s *Store) acquireShared(ctx context.Context, ttl int64) (*sharedLease, error) {
	for {
		sh, wait := s.reserve(ttl)
		switch {
		case sh == nil && wait == nil:
			return s.grantShared(ctx, ttl)
		case sh == nil:
			if err := await(ctx, wait); err != nil {
				return nil, err
			}
			continue
		}
		err := s.keepAlive(ctx, sh, false)
		if err == nil {
			return sh, nil
		}
		s.unreserve(sh)
		if !isGone(err) && !errors.Is(err, errLeft) {
			return nil, err
		}
	}
}

// reserve finds room in a shared etcd lease. If there is none it returns what to wait for while
// another call has one granted, or nothing: then the caller is to.
func (s *Store) reserve(ttl int64) (sh *sharedLease, wait chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pools[ttl]
	if p == nil {
		p = new(pool)
		s.pools[ttl] = p
	}
	s.prune(p, time.Now())
	for _, sh := range p.leases {
		if sh.takes(time.Now()) {
			sh.pending++
			return sh, nil
		}
	}
	if p.underWay != nil {
		return nil, p.underWay
	}
	p.underWay = make(chan struct{})
	return nil, nil
}

// grantShared has a shared etcd lease granted, with a create in flight for the caller.
func (s *Store) grantShared(ctx context.Context, ttl int64) (*sharedLease, error) {
	sent := time.Now()
	lease, err := s.grant(ctx, ttl)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pools[ttl]
	close(p.underWay)
	p.underWay = nil
	if err != nil {
		return nil, err
	}
	sh := &sharedLease{lease: lease, ttl: seconds(ttl), sent: sent, pending: 1, members: make(map[*member]struct{})}
	p.leases = append(p.leases, sh)
	return sh, nil
}

// grant has a lease granted for exactly ttl seconds. A server that grants more has a
// minimum: the lease is given back, and the error names it.
func (s *Store) grant(ctx context.Context, ttl int64) (clientv3.LeaseID, error) {
	ctx, cancel := tryContext(ctx)
	defer cancel()
	answer, err := s.client.Grant(ctx, ttl)
	if err != nil {
		return 0, cause(ctx, err)
	}
	if answer.TTL <= ttl {
		return answer.ID, nil
	}
	s.minTTL.Store(int64(seconds(answer.TTL)))
	s.client.Revoke(ctx, answer.ID) // if that fails it ends by itself
	return 0, &store.InvalidError{What: "ttl", Got: seconds(ttl).String(),
		Rule: fmt.Sprintf("must be at least %v, the minimum of the etcd servers", seconds(answer.TTL))}
}

// leave ends a create in flight that put nothing on the shared etcd lease.
func (s *Store) unreserve(sh *sharedLease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.pending--
}

// keepAlive returns once a keep-alive is confirmed that is recent, and a census is taken
// that is, if the caller counts on one. Calls that come together share them.
func (s *Store) keepAlive(ctx context.Context, sh *sharedLease, listKeys bool) error {
	for {
		s.mu.Lock()
		switch underWay := sh.underWay; {
		case sh.endErr != nil:
			s.mu.Unlock()
			return sh.endErr // which is never changed
		case sh.fresh(time.Now()) && (!listKeys || sh.attachedFresh(time.Now())):
			s.mu.Unlock()
			return nil
		case underWay != nil:
			s.mu.Unlock()
			if err := await(ctx, underWay); err != nil {
				return err
			}
			continue // it may have failed because its own caller gave up
		}
		sh.underWay = make(chan struct{})
		s.mu.Unlock()
		return s.renewShared(ctx, sh, listKeys)
	}
}

// renewShared sends a keep-alive, after what nobody wants any more is off the lease. If that
// cannot be had the lease must not be renewed.
func (s *Store) renewShared(ctx context.Context, sh *sharedLease, listKeys bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, min(memberTimeout, sh.ttl/4), errHung)
	defer cancel() // others wait for this, who may have less time than the caller
	var sent time.Time
	var attached attachedKeys
	err := s.deleteLeftovers(ctx, sh)
	if err == nil {
		sent = time.Now()
		_, err = s.sendKeepAlive(ctx, sh.lease)
	}
	if err == nil && listKeys {
		attached = s.listAttached(ctx, sh.lease)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(sh.underWay)
	sh.underWay = nil
	switch {
	case err == nil:
		sh.sent, sh.suspect = sent, false
		if listKeys {
			sh.attached = attached
		}
	case isGone(err):
		s.abandon(sh, rpctypes.ErrLeaseNotFound)
	case errors.Is(err, errLeft):
		s.abandon(sh, errLeft)
	}
	return err
}

// clear deletes the leftovers of a shared etcd lease.
func (s *Store) deleteLeftovers(ctx context.Context, sh *sharedLease) error {
	s.mu.Lock()
	leftovers := sh.leftovers(time.Now())
	s.mu.Unlock()
	return s.discard(ctx, leftovers)
}

// count takes a census. If it cannot be had nothing is confirmed, and each record is
// checked by itself.
func (s *Store) listAttached(ctx context.Context, id clientv3.LeaseID) attachedKeys {
	asked := time.Now()
	answer, err := s.client.TimeToLive(ctx, id, clientv3.WithAttachedKeys())
	if err != nil {
		return attachedKeys{asked: asked}
	}
	names := make(map[string]struct{}, len(answer.Keys))
	for _, name := range answer.Keys {
		names[string(name)] = struct{}{}
	}
	return attachedKeys{asked, names}
}

// prune forgets shared etcd leases that have ended by themselves. The mutex is the
// caller's.
func (s *Store) prune(p *pool, now time.Time) {
	var kept []*sharedLease
	for _, sh := range p.leases {
		if idle := sh.pending == 0 && sh.underWay == nil; idle && now.After(sh.until().Add(sh.ttl)) {
			s.abandon(sh, rpctypes.ErrLeaseNotFound)
		}
		if sh.endErr == nil {
			kept = append(kept, sh)
		}
	}
	p.leases = kept
}

// abandon forgets a shared etcd lease that is not kept alive any more, and all on it. The
// mutex is the caller's.
func (s *Store) abandon(sh *sharedLease, why error) {
	sh.endErr = why
	for m := range sh.members {
		s.drop(m)
	}
}

// hear takes in that a record was deleted: what a census said of it is no longer so.
func (s *Store) invalidateAttached(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.held[key]; m != nil {
		m.shared.deleteSeen = time.Now()
	}
}

func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return &unsentError{context.Cause(ctx)}
	}
}
