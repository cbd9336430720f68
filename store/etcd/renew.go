package etcdstore

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// Renew implements [store.Store]. It is one keep-alive for each etcd lease that the
// batch is on, and beside that a transaction which checks whose the records are and puts
// the values; see the package's doc for a batch that does not fit into one.
func (s *Store) Renew(ctx context.Context, batch []store.Write) []store.Renewed {
	answers := make([]store.Renewed, len(batch))
	var deeds []*deed
	var places []int
	for i, w := range batch {
		if answers[i].Err = w.CheckRenewal(); answers[i].Err == nil {
			deeds = append(deeds, writeOf("renew", w))
			places = append(places, i)
		}
	}
	if len(deeds) == 0 {
		return answers
	}
	s.renewAll(ctx, deeds)
	for i, d := range deeds {
		answers[places[i]] = store.Renewed{Until: d.until, Err: d.err}
	}
	return answers
}

func (s *Store) renewAll(ctx context.Context, deeds []*deed) {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		for _, d := range deeds {
			d.fail(failed("renew", d.key, reads, err))
		}
		return
	}
	defer leave()
	members := make([]*member, len(deeds))
	for i, d := range deeds {
		members[i] = s.recall(d)
		s.touch(members[i])
	}
	s.learn(ctx, deeds)
	leases := s.renewLeases(ctx, deeds, members)
	for i, d := range deeds {
		s.remember(members[i], d)
		if d.err == nil {
			s.conclude(d, s.renewalOf(ctx, d, leases))
		}
	}
	s.explain(ctx, deeds)
}

// conclude answers a deed that was carried out. The holder of one whose keep-alive was not
// confirmed wants its record as before.
func (s *Store) conclude(d *deed, r renewal) {
	if r.answer(d); d.err == nil {
		s.promise(d.key, d.term.Token, d.until)
	}
}

// renewalOf returns what became of the lease of a deed. If the record was found on
// another than it was believed to be on, that is yet to be renewed.
func (s *Store) renewalOf(ctx context.Context, d *deed, leases map[clientv3.LeaseID]renewal) renewal {
	if _, asked := leases[d.lease]; !asked {
		until, err := s.renewLease(ctx, d.lease, false)
		leases[d.lease] = renewal{until, err}
	}
	return leases[d.lease]
}

// renewal is what became of one lease.
type renewal struct {
	until time.Time
	err   error
}

// answer gives a deed that was carried out the end of its lease.
func (r renewal) answer(d *deed) {
	switch {
	case r.err == nil:
		d.until = r.until
	case isGone(r.err):
		d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrLost, Err: named(r.err)})
	case len(d.value) > 0: // it is there, and the ttl may not have been restarted
		d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrInDoubt, Err: named(r.err)})
	default:
		d.fail(failed(d.op, d.key, writes, r.err))
	}
}

// renewLeases sends the keep-alives for deeds, all at once, and carries the deeds out.
func (s *Store) renewLeases(ctx context.Context, deeds []*deed, members []*member) map[clientv3.LeaseID]renewal {
	count := manyChecks(deeds)
	renewals := make(map[clientv3.LeaseID]renewal)
	for _, d := range deeds {
		if !d.done {
			renewals[d.lease] = renewal{}
		}
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, lease := range slices.Collect(maps.Keys(renewals)) { // not the map itself: it is written to
		all.Go(func() {
			until, err := s.renewLease(ctx, lease, count)
			mu.Lock()
			defer mu.Unlock()
			renewals[lease] = renewal{until, err}
		})
	}
	if count {
		all.Wait()
		s.vouch(deeds, members)
	}
	s.carryOut(ctx, deeds)
	all.Wait()
	return renewals
}

// manyChecks reports whether the deeds that only check are more than one transaction
// can have. Then one census costs less.
func manyChecks(deeds []*deed) bool {
	checks := 0
	for _, d := range deeds {
		if !d.done && !d.writes() {
			checks++
		}
	}
	return checks > maxGuarded
}

// vouch ends the checks of records that a census found in their place. What it did not
// find is left to be looked at.
func (s *Store) vouch(deeds []*deed, members []*member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range deeds {
		if m := members[i]; m != nil && !d.done && !d.writes() && !m.unwanted && m.shard.vouches(m) {
			d.done = true
		}
	}
}

// renewLease keeps a lease alive, be it of this store's own or not.
func (s *Store) renewLease(ctx context.Context, lease clientv3.LeaseID, count bool) (until time.Time, err error) {
	if sh := s.shardOf(lease); sh != nil {
		err := s.keepAlive(ctx, sh, count)
		s.mu.Lock()
		defer s.mu.Unlock()
		return sh.until(), err
	}
	sent := time.Now()
	ttl, err := s.beat(ctx, lease)
	return sent.Add(ttl), err
}

func (s *Store) shardOf(lease clientv3.LeaseID) *shard {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pools {
		for _, sh := range p.shards {
			if sh.lease == lease {
				return sh
			}
		}
	}
	return nil
}

// touch notes that the holder of a record still wants it, whatever the time.
func (s *Store) touch(m *member) {
	if m == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.until = time.Now().Add(m.shard.ttl)
}

// promise notes until when the holder of a record was told that it has it.
func (s *Store) promise(key string, token store.Token, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.held[key]; m != nil && m.token == token {
		m.until = until
	}
}

// explain completes the errors that show a foreign value with its time left.
func (s *Store) explain(ctx context.Context, deeds []*deed) {
	for _, d := range deeds {
		facts, ok := d.err.(*store.ForeignError)
		if !ok {
			continue
		}
		left, err := s.timeLeft(ctx, d.lease)
		switch {
		case err != nil:
			d.fail(failed(d.op, d.key, reads, err))
		case left <= 0:
			d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrLost})
		default:
			facts.Record.Left = left
		}
	}
}
