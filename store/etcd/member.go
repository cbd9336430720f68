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
	revision  int64       // at which record and note were last written
	seq       uint64
	size      int
	until     time.Time // as its holder was told; then nobody wants it any more
	pins      int       // under way that want it all the same
	unwanted  bool      // it is to go: its time is over, its delete was not confirmed, or it is no longer its holder's
	doubted   bool      // a create with its nonce was in doubt and may still be under way
	elsewhere bool      // and may have put the record on another lease of this store
}

// of reports whether the record is that of a term.
func (m *member) matches(t store.LeaseRef) bool {
	if t.Token != 0 {
		return m.token == t.Token
	}
	return m.nonce == t.Nonce
}

// onlyLease is the lease on which alone the record is to be deleted, or zero if it can be
// on another.
func (m *member) onlyLease() clientv3.LeaseID {
	if m.elsewhere {
		return 0
	}
	return m.shared.lease
}

// pin keeps records on their etcd lease while a call uses them, even past their deadline. It
// returns apart those that are to be deleted already: the call has to discard them, and to
// find out what is there.
func (s *Store) pin(items []*guardedOp) (wanted, late []*member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range items {
		for _, m := range []*member{s.held[d.key], s.doubts[d.ref.Nonce]} {
			switch {
			case m == nil || !m.matches(d.ref):
			case m.unwanted:
				late = append(late, m)
			default:
				m.pins++
				wanted = append(wanted, m)
			}
		}
	}
	return wanted, late
}

func (s *Store) unpin(members []*member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		m.pins--
	}
}

// addMember notes that a create in flight has put its record on the shared etcd lease, or
// may have: then the member has no token. It returns the earliest moment at which the
// record may go.
func (s *Store) addMember(m *member) (until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.shared.pending--
	m.since, m.until = time.Now(), m.shared.until()
	if before := s.doubts[m.nonce]; before != nil {
		m.doubted = true
		m.elsewhere = before.elsewhere || before.shared != m.shared
		s.drop(before)
	}
	switch {
	case m.shared.endErr != nil:
		return m.until
	case m.token == 0:
		s.addInDoubt(m)
	default:
		s.addHeld(m)
	}
	return m.until
}

// addInDoubt is addMember for a create in doubt, which may be one that was answered and has come
// again. The mutex is the caller's.
func (s *Store) addInDoubt(m *member) {
	if held := s.held[m.key]; held != nil && held.nonce == m.nonce {
		held.doubted = true
		return
	}
	s.doubts[m.nonce] = m
	m.shared.members[m] = struct{}{}
}

// addHeld is addMember for a record. Answers can overtake each other: of two terms the later
// is the one that may be there. The mutex is the caller's.
func (s *Store) addHeld(m *member) {
	before := s.held[m.key]
	m.shared.members[m] = struct{}{}
	switch {
	case before == nil:
	case before.token == m.token:
		m.doubted, m.elsewhere = m.doubted || before.doubted, m.elsewhere || before.elsewhere
		s.drop(before)
	case before.token > m.token:
		m.unwanted = true
		return
	default:
		before.unwanted = true
	}
	s.held[m.key] = m
}

// discard deletes what nobody wants any more, where it is still on its lease: what another
// store has taken over is that one's.
func (s *Store) discard(ctx context.Context, leftovers []*member) (err error) {
	var items []*guardedOp
	var members []*member
	for _, m := range leftovers {
		if m.token != 0 && !m.doubted {
			members = append(members, m)
			items = append(items, &guardedOp{op: "delete", key: m.key, ref: store.ByToken(m.token), remove: true,
				from: m.shared.lease, revision: m.revision})
			continue
		}
		if err := s.endNonce(ctx, m.key, m.nonce, m.onlyLease()); err != nil {
			return leftoverError(m.key, err)
		}
		s.forget(m) // now, so that many are got rid of in more than one try
	}
	s.execute(ctx, items)
	for i, d := range items {
		if d.err != nil {
			err = leftoverError(d.key, d.err)
		} else {
			s.forget(members[i])
		}
	}
	return err
}

// stuck is the error of a keep-alive before which key had to go and did not. If the
// servers refuse that for good, as after a change of the user's rights, the lease is left.
func leftoverError(key string, err error) error {
	if isDenied(err) || errors.Is(err, errBusy) {
		return errLeft
	}
	return &unsentError{fmt.Errorf("%q is to go before its etcd lease is renewed: %w", key, bare(err))}
}

// forget is drop for a caller without the mutex.
func (s *Store) forget(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(m)
}

// drop forgets a member. The mutex is the caller's.
func (s *Store) drop(m *member) {
	delete(m.shared.members, m)
	if s.held[m.key] == m {
		delete(s.held, m.key)
	}
	if s.doubts[m.nonce] == m {
		delete(s.doubts, m.nonce)
	}
}
