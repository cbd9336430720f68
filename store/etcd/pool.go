package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
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

// sharedLease is one etcd lease that carries records. The pool's mutex guards it.
type sharedLease struct {
	lease      clientv3.LeaseID
	ttl        time.Duration // as granted
	sent       time.Time     // when the last confirmed keep-alive was sent
	term       uint64        // of the leader that confirmed it, or an earlier one
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

// until is the earliest expiry of the etcd lease on the server.
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
func (sh *sharedLease) empty(members int) bool { return members == 0 && sh.pending == 0 }

// takes reports whether there is room for one more record. An etcd lease that may have
// expired takes none.
func (sh *sharedLease) takes(now time.Time, members int) bool {
	return sh.endErr == nil && now.Before(sh.until()) && members+sh.pending < maxMembers
}

// pool has the shared etcd leases of a store. It keeps those alive that carry records, and
// deletes the records that must not live on.
type pool struct {
	*writer
	marker  *marker
	records *records

	mu    sync.Mutex
	byTTL map[int64]*leasesOfTTL // by ttl in seconds
}

func newPool(w *writer, m *marker, r *records) *pool {
	return &pool{writer: w, marker: m, records: r, byTTL: make(map[int64]*leasesOfTTL)}
}

// close leaves the empty shared etcd leases, and returns them, for the caller to revoke.
func (p *pool) close() (idle []clientv3.LeaseID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, of := range p.byTTL {
		for _, sh := range of.leases {
			if sh.empty(p.records.count(sh)) && sh.endErr == nil {
				p.abandon(sh, store.ErrClosed)
				idle = append(idle, sh.lease)
			}
		}
	}
	return idle
}

// leasesOfTTL are the shared etcd leases of one ttl.
type leasesOfTTL struct {
	leases   []*sharedLease
	underWay chan struct{} // closed when the grant under way is over; nil while there is none
}

// acquireShared returns a shared etcd lease with room for one more record. The record's
// create counts as in flight until addMember or unreserve.
func (p *pool) acquireShared(ctx context.Context, ttl int64) (*sharedLease, error) {
	for {
		sh, wait := p.reserve(ttl)
		switch {
		case sh == nil && wait == nil:
			return p.grantShared(ctx, ttl)
		case sh == nil:
			if err := await(ctx, wait); err != nil {
				return nil, err
			}
			continue
		}
		err := p.keepAlive(ctx, sh, false)
		if err == nil {
			return sh, nil
		}
		p.unreserve(sh)
		if !isGone(err) && !errors.Is(err, errLeft) {
			return nil, err
		}
	}
}

// reserve finds room in a shared etcd lease. If there is none and another call is having an
// etcd lease granted, it returns the channel that is closed afterwards. Two nils tell the
// caller to have one granted.
func (p *pool) reserve(ttl int64) (sh *sharedLease, wait chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.byTTL[ttl]
	if of == nil {
		of = new(leasesOfTTL)
		p.byTTL[ttl] = of
	}
	p.prune(of, time.Now())
	for _, sh := range of.leases {
		if sh.takes(time.Now(), p.records.count(sh)) {
			sh.pending++
			return sh, nil
		}
	}
	if of.underWay != nil {
		return nil, of.underWay
	}
	of.underWay = make(chan struct{})
	return nil, nil
}

// grantShared asks for a shared etcd lease, and counts the caller's create as in flight.
func (p *pool) grantShared(ctx context.Context, ttl int64) (*sharedLease, error) {
	sent := time.Now()
	lease, err := p.grant(ctx, ttl)
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.byTTL[ttl]
	close(of.underWay)
	of.underWay = nil
	if err != nil {
		return nil, err
	}
	sh := &sharedLease{lease: lease, ttl: seconds(ttl), sent: sent, term: p.revision.now().term, pending: 1}
	of.leases = append(of.leases, sh)
	return sh, nil
}

// unreserve ends a create in flight that put nothing on the shared etcd lease.
func (p *pool) unreserve(sh *sharedLease) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sh.pending--
}

// suspectLease ends a create in flight that found an etcd lease gone, or was forbidden. The
// next user of the shared etcd lease then sends a keep-alive.
func (p *pool) suspectLease(sh *sharedLease) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sh.pending--
	sh.suspect = true
}

// addMember ends a create in flight that put its record on the shared etcd lease, or may
// have done so: then the member has no token.
func (p *pool) addMember(m *member) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m.shared.pending--
	m.since, m.until = time.Now(), m.shared.until()
	p.records.add(m, m.shared.endErr == nil)
}

// provenUntil returns the earliest expiry of a shared etcd lease after a write or a check of a record
// on it. If that has told of a leader that may not know of the last keep-alive, it sends another. If
// it was sent long before the last keep-alive, as when that waited for another caller's, it does not
// tell, and provenUntil asks.
func (p *pool) provenUntil(ctx context.Context, sh *sharedLease) (until time.Time, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for err == nil {
		superseded := p.superseded(sh.term)
		if !superseded && p.revision.askedSince(sh.sent.Add(-aMoment)) {
			break
		}
		p.mu.Unlock()
		if superseded {
			err = p.keepAlive(ctx, sh, false)
		} else {
			_, err = p.get(ctx, store.Reserved, clientv3.WithCountOnly())
		}
		p.mu.Lock()
	}
	return sh.until(), err
}

// proven is provenUntil for several shared etcd leases at once, each once.
func (p *pool) proven(ctx context.Context, leases []*sharedLease) map[*sharedLease]renewal {
	results := make(map[*sharedLease]renewal)
	for _, sh := range leases {
		results[sh] = renewal{}
	}
	var mu sync.Mutex
	inParallel(slices.Collect(maps.Keys(results)), func(sh *sharedLease) {
		until, err := p.provenUntil(ctx, sh)
		mu.Lock()
		defer mu.Unlock()
		results[sh] = renewal{sh, until, err}
	})
	return results
}

// keeps reports whether this store keeps an etcd lease alive.
func (p *pool) keeps(lease clientv3.LeaseID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sharedOf(lease) != nil
}

// sharedOf returns the shared etcd lease with that id if it is kept alive, else nil. The
// caller holds the pool's mutex.
func (p *pool) sharedOf(lease clientv3.LeaseID) *sharedLease {
	for _, of := range p.byTTL {
		for _, sh := range of.leases {
			if sh.lease == lease && sh.endErr == nil {
				return sh
			}
		}
	}
	return nil
}

// reserveOn is reserve for a record that is on the etcd lease already.
func (p *pool) reserveOn(lease clientv3.LeaseID) *sharedLease {
	p.mu.Lock()
	defer p.mu.Unlock()
	sh := p.sharedOf(lease)
	if sh != nil {
		sh.pending++
	}
	return sh
}

// keepAlive returns once a recent keep-alive is confirmed and, with listKeys, the attached
// keys were listed recently. Concurrent calls share one keep-alive and one list.
func (p *pool) keepAlive(ctx context.Context, sh *sharedLease, listKeys bool) error {
	for {
		p.mu.Lock()
		switch underWay := sh.underWay; {
		case sh.endErr != nil:
			p.mu.Unlock()
			return sh.endErr // it never changes
		case sh.fresh(time.Now()) && !p.superseded(sh.term) && (!listKeys || sh.attachedFresh(time.Now())):
			p.mu.Unlock()
			return nil
		case underWay != nil:
			p.mu.Unlock()
			if err := await(ctx, underWay); err != nil {
				return err
			}
			continue // the keep-alive may have failed because its own caller gave up
		}
		sh.underWay = make(chan struct{})
		p.mu.Unlock()
		return p.renewShared(ctx, sh, listKeys)
	}
}

// renewShared deletes the leftovers and sends a keep-alive. If a leftover cannot be deleted,
// no keep-alive is sent, or the leftover would outlive its ttl.
func (p *pool) renewShared(ctx context.Context, sh *sharedLease, listKeys bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, min(memberTimeout, sh.ttl/4), errHung)
	defer cancel() // other calls wait for this one, and may have less time
	var sent time.Time
	var term uint64
	var attached attachedKeys
	err := p.discard(ctx, p.records.leftovers(sh, time.Now()))
	if err == nil {
		sent = time.Now()
		term, err = p.sendKeepAlive(ctx, sh.lease)
	}
	if err == nil && listKeys {
		attached = p.listAttached(ctx, sh.lease)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	close(sh.underWay)
	sh.underWay = nil
	switch {
	case err == nil:
		sh.sent, sh.term, sh.suspect = sent, term, false
		if listKeys {
			sh.attached = attached
		}
	case isGone(err):
		p.abandon(sh, rpctypes.ErrLeaseNotFound)
	case errors.Is(err, errLeft), isForbidden(err):
		p.abandon(sh, errLeft)
		err = errLeft
	}
	return err
}

// discard deletes leftovers. It leaves a record that was moved to another etcd lease, as by
// another store that renews it.
func (p *pool) discard(ctx context.Context, leftovers []*member) (err error) {
	var items []*guardedOp
	var members []*member
	for _, m := range leftovers {
		now := p.records.state(m)
		if now.token != 0 && !now.doubted {
			members = append(members, m)
			items = append(items, &guardedOp{op: "delete", key: m.key, ref: store.ByToken(m.token), remove: true,
				from: m.shared.lease, revision: now.revision})
			continue
		}
		if err := p.marker.endNonce(ctx, m.key, m.nonce, now.onlyLease()); err != nil {
			return leftoverError(m.key, err)
		}
		p.records.forget(m) // now, so that the next try goes on with the others
	}
	p.execute(ctx, items)
	for i, d := range items {
		if d.err != nil {
			err = leftoverError(d.key, d.err)
		} else {
			p.records.forget(members[i])
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

// prune forgets shared etcd leases that have expired. The caller holds the pool's mutex.
func (p *pool) prune(of *leasesOfTTL, now time.Time) {
	var kept []*sharedLease
	for _, sh := range of.leases {
		if idle := sh.pending == 0 && sh.underWay == nil; idle && now.After(sh.until().Add(sh.ttl)) {
			p.abandon(sh, rpctypes.ErrLeaseNotFound)
		}
		if sh.endErr == nil {
			kept = append(kept, sh)
		}
	}
	of.leases = kept
}

// abandon stops keeping a shared etcd lease alive, and forgets its members. The caller holds
// the pool's mutex.
func (p *pool) abandon(sh *sharedLease, why error) {
	sh.endErr = why
	p.records.forgetAll(sh)
}

// invalidateAttached notes that a record was deleted, so that the attached keys listed
// before no longer count.
func (p *pool) invalidateAttached(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sh := p.records.sharedOf(key); sh != nil {
		sh.deleteSeen = time.Now()
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
