package etcdstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// errMoved says that the records of a lease are on another now. Whoever wanted to renew
// the old one is to try again.
var errMoved = errors.New("its records have moved to a fresh etcd lease")

// stuck is the error of a keep-alive before which key had to go and did not. If the
// servers refuse that for good, as after a change of the user's rights, the other records
// leave for a fresh lease, and what is stuck ends with the old one.
func (s *Store) stuck(ctx context.Context, sh *shard, key string, err error) error {
	if isDenied(err) || errors.Is(err, errBusy) {
		err = s.move(ctx, sh)
	}
	return &unsentError{fmt.Errorf("%q is to go before its etcd lease is renewed: %w", key, bare(err))}
}

// move puts the records of a shard that somebody wants on a fresh one.
func (s *Store) move(ctx context.Context, sh *shard) error {
	movers := s.wanted(sh, time.Now())
	fresh, err := s.refuge(ctx, wholeSeconds(sh.ttl))
	if err != nil {
		return err
	}
	defer s.leave(fresh)
	deeds := make([]*deed, len(movers))
	for i, m := range movers {
		deeds[i] = &deed{op: "renew", key: m.key, term: store.ByToken(m.token), revision: m.revision, onto: fresh.lease}
	}
	s.carryOut(ctx, deeds)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range deeds {
		switch m := movers[i]; {
		case d.err == nil:
			delete(sh.members, m)
			m.shard, m.since, m.revision = fresh, time.Now(), d.revision
			fresh.members[m] = struct{}{}
		case errors.Is(d.err, store.ErrLost), errors.Is(d.err, store.ErrForeign):
			m.unwanted = true
		default:
			return d.err // the next keep-alive moves the rest
		}
	}
	return errMoved
}

// refuge returns another shard than those that are being left, as berth does.
func (s *Store) refuge(ctx context.Context, ttl int64) (*shard, error) {
	for {
		if sh, wait := s.reserve(ttl); sh != nil {
			return sh, nil
		} else if wait == nil {
			return s.grantShard(ctx, ttl)
		} else if err := await(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// wanted marks a shard as one that is being left, and returns the members that are to
// leave.
func (s *Store) wanted(sh *shard, now time.Time) []*member {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.leaving = true
	var some []*member
	for m := range sh.members {
		if m.token != 0 && !m.unwanted && !now.After(m.until) {
			some = append(some, m)
		}
	}
	return some
}
