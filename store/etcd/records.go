package etcdstore

import (
	"errors"
	"sync"
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

// records are the records that a store put on its shared etcd leases, as members. A caller may
// hold the pool's mutex; the methods take no other.
type records struct {
	mu     sync.Mutex
	held   map[string]*member      // by key
	doubts map[store.Nonce]*member // creates in doubt
	on     map[*sharedLease]map[*member]struct{}
}

func newRecords() *records {
	return &records{held: make(map[string]*member), doubts: make(map[store.Nonce]*member),
		on: make(map[*sharedLease]map[*member]struct{})}
}

// pin keeps records on their etcd lease while a call uses them, even past their deadline.
// Late members are already to be deleted: the call has to discard them, and then to read the
// record.
func (r *records) pin(items []*guardedOp) (pinned, late []*member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range items {
		for _, m := range []*member{r.held[d.key], r.doubts[d.ref.Nonce]} {
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

func (r *records) unpin(members []*member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range members {
		m.pins--
	}
}

// fillKnown fills in the state of the record from the store's own writes, and returns the
// member, or nil if the store has none. If it is doubted, a delete has to end its nonce.
func (r *records) fillKnown(d *guardedOp) (m *member, doubted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m = r.held[d.key]
	if d.ref.Token == 0 || m == nil || !m.matches(d.ref) {
		return nil, false
	}
	d.revision, d.lease = m.revision, m.shared.lease
	d.note = note{nonce: m.nonce, seq: m.seq, ttl: m.shared.ttl, size: m.size}
	if len(d.value) > 0 && d.seq < m.seq {
		d.revision = 0 // read first: the record's number refuses it
	}
	return m, m.doubted
}

// update notes the result of an operation on a member.
func (r *records) update(m *member, d *guardedOp) {
	if m == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case d.remove && d.err == nil:
		r.drop(m)
	case d.remove, errors.Is(d.err, store.ErrLost), errors.Is(d.err, store.ErrForeign):
		m.unwanted = true
	case d.err == nil && d.lease != m.shared.lease: // another store moved it: with its revision it could be taken for a leftover
		r.drop(m)
	case d.err == nil:
		m.revision, m.seq, m.size = d.revision, d.note.seq, d.note.size
	}
}

// extendUntil notes the until that is returned to the holder of a record. It never moves back.
func (r *records) extendUntil(key string, token store.Token, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.held[key]; m != nil && m.token == token {
		m.until = later(m.until, until)
	}
}

// has reports whether the record of an operation is a member, still on its etcd lease.
func (r *records) has(d *guardedOp) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.held[d.key]
	return m != nil && m.token == d.ref.Token && m.shared.lease == d.lease
}

// add adds the member of a create that put its record on a shared etcd lease, or may have done
// so: then the member has no token. A member of one that is no longer kept alive is not added;
// it only takes the place of an earlier try.
func (r *records) add(m *member, kept bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if before := r.doubts[m.nonce]; before != nil {
		m.doubted = true
		m.elsewhere = before.elsewhere || before.shared != m.shared
		r.drop(before)
	}
	switch {
	case !kept:
	case m.token == 0:
		r.addInDoubt(m)
	default:
		r.addHeld(m)
	}
}

// addInDoubt is add for a create in doubt. The create may repeat an answered one. The
// caller holds the mutex.
func (r *records) addInDoubt(m *member) {
	if held := r.held[m.key]; held != nil && held.nonce == m.nonce {
		held.doubted = true
		return
	}
	r.doubts[m.nonce] = m
	r.attach(m)
}

// addHeld is add for a record. Answers can overtake each other: of two leases of a key,
// only the later can still exist. The caller holds the mutex.
func (r *records) addHeld(m *member) {
	before := r.held[m.key]
	r.attach(m)
	switch {
	case before == nil:
	case before.token == m.token:
		m.doubted, m.elsewhere = m.doubted || before.doubted, m.elsewhere || before.elsewhere
		r.drop(before)
	case before.token > m.token:
		m.unwanted = true
		return
	default:
		before.unwanted = true
	}
	r.held[m.key] = m
}

// attach notes the etcd lease of a member. The caller holds the mutex.
func (r *records) attach(m *member) {
	if r.on[m.shared] == nil {
		r.on[m.shared] = make(map[*member]struct{})
	}
	r.on[m.shared][m] = struct{}{}
}

// count returns the number of members on a shared etcd lease.
func (r *records) count(sh *sharedLease) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.on[sh])
}

// sharedOf returns the shared etcd lease of the record under a key, or nil.
func (r *records) sharedOf(key string) *sharedLease {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.held[key]; m != nil {
		return m.shared
	}
	return nil
}

// state returns a copy of a member.
func (r *records) state(m *member) member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return *m
}

// leftovers returns the members on a shared etcd lease that are to be deleted, and marks them
// unwanted, so that no later call pins them. A record must not outlive its ttl because it
// shares an etcd lease.
func (r *records) leftovers(sh *sharedLease, now time.Time) []*member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var some []*member
	for m := range r.on[sh] {
		if over := m.pins == 0 && now.After(m.until); m.unwanted || over {
			m.unwanted = true
			some = append(some, m)
		}
	}
	return some
}

// settle forgets the members of a nonce that was ended. If it could not be ended they are left
// to the next keep-alive.
func (r *records) settle(key string, n store.Nonce, ended bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range []*member{r.doubts[n], r.held[key]} {
		switch {
		case m == nil || m.nonce != n:
		case ended:
			r.drop(m)
		default:
			m.unwanted = true
		}
	}
}

func (r *records) forget(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop(m)
}

// forgetAll forgets the members on a shared etcd lease.
func (r *records) forgetAll(sh *sharedLease) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for m := range r.on[sh] {
		r.drop(m)
	}
}

// drop forgets a member. The caller holds the mutex.
func (r *records) drop(m *member) {
	delete(r.on[m.shared], m)
	if len(r.on[m.shared]) == 0 {
		delete(r.on, m.shared)
	}
	if r.held[m.key] == m {
		delete(r.held, m.key)
	}
	if r.doubts[m.nonce] == m {
		delete(r.doubts, m.nonce)
	}
}
