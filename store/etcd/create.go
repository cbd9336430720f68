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

// Create implements [store.Store]. A ttl is rounded up to whole seconds. A create is one
// transaction, after the grant of an etcd lease or a keep-alive if one is due. A refused
// create is one transaction too, and a request for the holder's time left.
//
// The nonce of an ended lease is remembered for a day and twice its ttl from its
// create, as long as fewer than sixteen later ones of its key were seen.
func (s *Store) Create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	if err := s.checkClaim(claim); err != nil {
		return store.Grant{}, err
	}
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		return store.Grant{}, failed("create", claim.Key, reads, err)
	}
	defer leave()
	return s.create(ctx, claim)
}

// maxTTL keeps the etcd leases of marks, of a day and twice the ttl, below the longest ttl
// that the servers grant.
const maxTTL = 100 * 365 * 24 * time.Hour

func (s *Store) checkClaim(claim store.Claim) error {
	if err := claim.Check(time.Duration(s.minTTL.Load())); err != nil {
		return err
	}
	if claim.TTL > maxTTL {
		return &store.InvalidError{What: "ttl", Got: claim.TTL.String(), Rule: fmt.Sprintf("must be at most %v", maxTTL)}
	}
	return nil
}

// create makes another try when an etcd lease was gone, or when the record in its way was
// about to end.
func (s *Store) create(ctx context.Context, claim store.Claim) (store.Grant, error) {
	before, late := s.records.pin([]*guardedOp{{key: claim.Key, ref: store.ByNonce(claim.Nonce)}})
	defer s.records.unpin(before)
	if err := s.pool.discard(ctx, late); err != nil {
		return store.Grant{}, s.unready(claim, err)
	}
	for range maxTries {
		grant, err := s.tryCreate(ctx, claim)
		if !errors.Is(err, errAgain) {
			return grant, err
		}
	}
	return store.Grant{}, failed("create", claim.Key, reads, errBusy)
}

// errAgain says that a try had no effect and that the next may succeed.
var errAgain = errors.New("again")

func (s *Store) tryCreate(ctx context.Context, claim store.Claim) (store.Grant, error) {
	ttl := wholeSeconds(claim.TTL)
	s.marker.prepare(claim.TTL)
	sh, err := s.pool.acquireShared(ctx, ttl)
	if err != nil {
		return store.Grant{}, s.unready(claim, err)
	}
	marks, err := s.marker.reserveMark(ctx, claim.TTL)
	if err != nil {
		s.pool.unreserve(sh)
		return store.Grant{}, s.unready(claim, err)
	}
	m := &member{shared: sh, key: claim.Key, nonce: claim.Nonce, size: len(claim.Value)}
	answer := s.submit(ctx, createRequest(m, claim, marks))
	switch {
	case answer.err != nil:
		return s.createFailed(ctx, m, claim, marks, answer.err)
	case !answer.ok:
		s.pool.unreserve(sh)
		return s.refuseCreate(ctx, claim, decode(claim.Key, answer.answers))
	}
	m.token, m.revision = store.Token(answer.revision), answer.revision
	s.marker.trimSoon(claim)
	return s.granted(ctx, m)
}

// granted adds the member of a create that is done and returns its grant. Without proof of the time
// to live the create is in doubt, and a repeated one restarts it.
func (s *Store) granted(ctx context.Context, m *member) (store.Grant, error) {
	s.pool.addMember(m)
	until, err := s.pool.provenUntil(ctx, m.shared)
	if err != nil {
		return store.Grant{}, &store.Error{Op: "create", Key: m.key, Condition: store.ErrInDoubt, Err: named(bare(err))}
	}
	s.records.extendUntil(m.key, m.token, until)
	return store.Grant{Token: m.token, Until: until}, nil
}

// putsOf returns the writes of a create: record, note and mark.
func putsOf(m *member, claim store.Claim, mark string, marks clientv3.LeaseID) []clientv3.Op {
	n := note{nonce: claim.Nonce, ttl: m.shared.ttl, size: len(claim.Value)}
	on := clientv3.WithLease(m.shared.lease)
	return []clientv3.Op{
		clientv3.OpPut(claim.Key, string(claim.Value), on),
		clientv3.OpPut(noteOf(claim.Key), n.String(), on),
		clientv3.OpPut(mark, used, clientv3.WithLease(marks)),
	}
}

// unready is the error of a create that got no etcd lease for its record or mark.
func (s *Store) unready(claim store.Claim, err error) error {
	if invalid := new(store.InvalidError); errors.As(err, &invalid) {
		return &store.InvalidError{What: invalid.What, Got: claim.TTL.String(), Rule: invalid.Rule}
	}
	return failed("create", claim.Key, reads, err)
}

// createFailed handles the error of the transaction that was to put m on its shared etcd
// lease.
func (s *Store) createFailed(ctx context.Context, m *member, claim store.Claim, marks clientv3.LeaseID, err error) (store.Grant, error) {
	switch {
	case isGone(err):
		s.marker.dropMarksLease(marks) // if the shared etcd lease is gone, acquireShared finds out
		s.pool.suspectLease(m.shared)
		return store.Grant{}, errAgain
	case isForbidden(err):
		s.pool.suspectLease(m.shared) // the right to another key on it may be missing
		if errors.Is(s.pool.keepAlive(ctx, m.shared, false), errLeft) {
			return store.Grant{}, errAgain
		}
	case isFull(err):
		return s.createFull(ctx, m, err)
	case isRequestTooLarge(err, m.size):
		s.pool.unreserve(m.shared)
		return store.Grant{}, valueTooLarge(claim.Value, err)
	case unsent(err), refused(err):
		s.pool.unreserve(m.shared)
	default:
		s.pool.addMember(m)
	}
	return store.Grant{}, failed("create", m.key, writes, err)
}

// createFull finds out whether a create was applied although the server answered that it
// has no space: the write that fills the database is applied, and answered so.
func (s *Store) createFull(ctx context.Context, m *member, err error) (store.Grant, error) {
	f, late := s.readOne(ctx, m.key)
	switch {
	case late != nil:
		s.pool.addMember(m)
		return store.Grant{}, failed("create", m.key, writes, err)
	case !f.has(store.ByNonce(m.nonce)):
		s.pool.unreserve(m.shared)
		return store.Grant{}, failed("create", m.key, reads, err)
	}
	m.token, m.revision = f.token(), f.value.ModRevision
	return s.granted(ctx, m)
}

// refuseCreate answers a create that found a value under its key, or the mark of its nonce.
func (s *Store) refuseCreate(ctx context.Context, claim store.Claim, f found) (store.Grant, error) {
	switch {
	case f.value == nil:
		return store.Grant{}, &store.Error{Op: "create", Key: claim.Key, Condition: store.ErrEnded}
	case f.has(store.ByNonce(claim.Nonce)):
		return s.repeatCreate(ctx, f)
	}
	left, err := s.timeLeft(ctx, clientv3.LeaseID(f.value.Lease))
	switch {
	case err != nil && f.ours:
		left = f.note.ttl // the record is held, for at most that long
	case err != nil:
		return store.Grant{}, failed("create", claim.Key, reads, err)
	case left <= 0:
		return store.Grant{}, errAgain // the record is about to end
	}
	r := f.record()
	r.Left = left
	if f.ours {
		return store.Grant{}, &store.HeldError{Record: r}
	}
	return store.Grant{}, &store.ForeignError{Record: r}
}

// repeatCreate answers a create if its record is there already, and restarts its ttl.
func (s *Store) repeatCreate(ctx context.Context, f found) (store.Grant, error) {
	d := &guardedOp{op: "create", key: f.key, ref: store.ByToken(f.token()),
		revision: f.value.ModRevision, note: f.note, lease: f.lease()}
	s.pool.adopt(ctx, []*guardedOp{d})
	switch {
	case errors.Is(d.err, store.ErrLost), errors.Is(d.err, store.ErrForeign):
		return store.Grant{}, errAgain
	case d.err != nil:
		return store.Grant{}, d.err
	}
	return store.Grant{Token: d.ref.Token, Until: d.until}, nil
}

// wholeSeconds rounds up: a record may live longer than its ttl, never shorter.
func wholeSeconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}

func isGone(err error) bool { return errors.Is(err, rpctypes.ErrLeaseNotFound) }

func isFull(err error) bool { return errors.Is(err, rpctypes.ErrNoSpace) }
