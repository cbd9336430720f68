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
	// maxMembers bounds the records that are lost with one etcd lease.
	maxMembers = 16384
	// freshness divides the ttl: later calls use a keep-alive for a sixteenth of the
	// ttl instead of sending another.
	freshness = 16
)

// sharedLease is one etcd lease and the records on it. The store's mutex guards it.
type sharedLease struct {
	lease      clientv3.LeaseID
	ttl        time.Duration // as granted
	sent       time.Time     // when the last confirmed keep-alive was sent
	members    map[*member]struct{}
	pending    int           // creates in flight
	endErr     error         // why the store no longer keeps it alive; nil while it does
	suspect    bool          // it may be gone, so that the next call sends a keep-alive
	underWay   chan struct{} // closed when the keep-alive under way is over; nil while there is none
	attached   attachedKeys
	deleteSeen time.Time // when a watch last reported the delete of a record on it
}

// attachedKeys lists the names that the server has on an etcd lease. A key that was
// deleted, or that another program put on another etcd lease, is not among them.
type attachedKeys struct {
	asked time.Time // when the request was sent
	names map[string]struct{}
}

// until is the earliest moment at which the server may drop the etcd lease.
func (sh *sharedLease) until() time.Time { return sh.sent.Add(sh.ttl) }

// fresh reports whether the last keep-alive is recent enough for another call.
func (sh *sharedLease) fresh(now time.Time) bool {
	return !sh.suspect && now.Before(sh.sent.Add(sh.ttl/freshness))
}

// attachedFresh reports whether the attached keys were listed recently enough for another
// call.
func (sh *sharedLease) attachedFresh(now time.Time) bool {
	return sh.attached.asked.After(sh.deleteSeen) && now.Before(sh.attached.asked.Add(sh.ttl/freshness))
}

// confirms reports whether the attached keys include a record and its note. A list that
// was asked for before the create was answered, or before a delete was seen, confirms
// nothing.
func (sh *sharedLease) confirms(m *member) bool {
	_, there := sh.attached.names[m.key]
	_, noted := sh.attached.names[noteOf(m.key)]
	return there && noted && sh.attached.asked.After(m.since) && sh.attached.asked.After(sh.deleteSeen)
}

// empty reports whether the etcd lease has no records and no creates in flight, so that
// it can be revoked.
func (sh *sharedLease) empty() bool { return len(sh.members) == 0 && sh.pending == 0 }

// takes reports whether there is room for one more record. An etcd lease that may have
// expired takes none.
func (sh *sharedLease) takes(now time.Time) bool {
	return sh.endErr == nil && now.Before(sh.until()) && len(sh.members)+sh.pending < maxMembers
}

// leftovers returns the members to delete, and marks them unwanted, so that no later call
// pins them. A record must not outlive its ttl because it shares an etcd lease.
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

// pool holds the shared etcd leases of one ttl.
type pool struct {
	leases   []*sharedLease
	underWay chan struct{} // closed when the grant under way is over; nil while there is none
}

// acquireShared returns a shared etcd lease with room for one more record. The record's
// create counts as in flight until addMember or unreserve.
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

// reserve finds room in a shared etcd lease. If there is none and another call is having an
// etcd lease granted, it returns the channel that is closed afterwards. Two nils tell the
// caller to have one granted.
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

// grantShared asks for a shared etcd lease, and counts the caller's create as in flight.
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

// grant asks for an etcd lease of exactly ttl seconds. If the server grants more, that is
// its minimum: grant revokes the etcd lease, and the error names the minimum.
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
	s.client.Revoke(ctx, answer.ID) // if that fails the etcd lease expires
	return 0, &store.InvalidError{What: "ttl", Got: seconds(ttl).String(),
		Rule: fmt.Sprintf("must be at least %v, the minimum of the etcd servers", seconds(answer.TTL))}
}

// unreserve ends a create in flight that put nothing on the shared etcd lease.
func (s *Store) unreserve(sh *sharedLease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.pending--
}

// keepAlive returns once a recent keep-alive is confirmed and, with listKeys, the attached
// keys were listed recently. Concurrent calls share one keep-alive and one list.
func (s *Store) keepAlive(ctx context.Context, sh *sharedLease, listKeys bool) error {
	for {
		s.mu.Lock()
		switch underWay := sh.underWay; {
		case sh.endErr != nil:
			s.mu.Unlock()
			return sh.endErr // it never changes
		case sh.fresh(time.Now()) && (!listKeys || sh.attachedFresh(time.Now())):
			s.mu.Unlock()
			return nil
		case underWay != nil:
			s.mu.Unlock()
			if err := await(ctx, underWay); err != nil {
				return err
			}
			continue // the keep-alive may have failed because its own caller gave up
		}
		sh.underWay = make(chan struct{})
		s.mu.Unlock()
		return s.renewShared(ctx, sh, listKeys)
	}
}

// renewShared deletes the leftovers and sends a keep-alive. If a leftover cannot be deleted,
// no keep-alive is sent, or the leftover would outlive its ttl.
func (s *Store) renewShared(ctx context.Context, sh *sharedLease, listKeys bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, min(memberTimeout, sh.ttl/4), errHung)
	defer cancel() // other calls wait for this one, and may have less time
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
	case errors.Is(err, errLeft), isForbidden(err):
		s.abandon(sh, errLeft)
		err = errLeft
	}
	return err
}

// deleteLeftovers deletes the leftovers of a shared etcd lease.
func (s *Store) deleteLeftovers(ctx context.Context, sh *sharedLease) error {
	s.mu.Lock()
	leftovers := sh.leftovers(time.Now())
	s.mu.Unlock()
	return s.discard(ctx, leftovers)
}

// listAttached lists the attached keys of an etcd lease. If that fails the list is empty and
// confirms nothing, so that each record is checked by itself.
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

// prune forgets shared etcd leases that have expired. The caller holds the store's mutex.
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

// abandon stops keeping a shared etcd lease alive, and forgets its members. The caller holds
// the store's mutex.
func (s *Store) abandon(sh *sharedLease, why error) {
	sh.endErr = why
	for m := range sh.members {
		s.drop(m)
	}
}

// invalidateAttached notes that a record was deleted, so that the attached keys listed
// before no longer count.
func (s *Store) invalidateAttached(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.held[key]; m != nil {
		m.shared.deleteSeen = time.Now()
	}
}

// await returns once done is closed, or with an *unsentError when ctx ends.
func await(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return &unsentError{context.Cause(ctx)}
	}
}
