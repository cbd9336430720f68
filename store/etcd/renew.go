package etcdstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/leasehold-go/leasehold/store"
)

// Renew implements [store.Store]. It sends one keep-alive for each etcd lease that the batch
// is on, and at the same time a transaction that checks the records and puts the values; see
// the package doc for a batch that does not fit into one.
func (s *Store) Renew(ctx context.Context, batch []store.Renewal) []store.RenewResult {
	answers := make([]store.RenewResult, len(batch))
	var items []*guardedOp
	var places []int
	for i, w := range batch {
		if answers[i].Err = w.Check(); answers[i].Err == nil {
			items = append(items, writeOf("renew", w))
			places = append(places, i)
		}
	}
	if len(items) == 0 {
		return answers
	}
	s.renewAll(ctx, items)
	for i, d := range items {
		answers[places[i]] = store.RenewResult{Until: d.until, Err: d.err}
	}
	return answers
}

func (s *Store) renewAll(ctx context.Context, items []*guardedOp) {
	ctx, leave, err := s.tasks.enter(ctx)
	if err != nil {
		for _, d := range items {
			d.fail(failed("renew", d.key, reads, err))
		}
		return
	}
	defer leave()
	pinned, late := s.records.pin(items)
	defer s.records.unpin(pinned)
	if len(late) == 0 {
		s.renewSome(ctx, items, nil, nil)
		return
	}
	overdue := make(map[string]struct{})
	for _, m := range late {
		overdue[m.key] = struct{}{}
	}
	var first, rest []*guardedOp
	for _, d := range items {
		if _, ok := overdue[d.key]; ok {
			first = append(first, d)
		} else {
			rest = append(rest, d)
		}
	}
	var both sync.WaitGroup
	both.Go(func() { s.renewSome(ctx, first, late, s.pool.discard(ctx, late)) })
	s.renewSome(ctx, rest, nil, nil)
	both.Wait()
}

// renewSome makes the renewals of items. An item of a late member fails with err if the
// member could not be discarded.
func (s *Store) renewSome(ctx context.Context, items []*guardedOp, late []*member, err error) {
	members := make([]*member, len(items))
	for i, d := range items {
		if members[i], _ = s.records.fillKnown(d); slices.Contains(late, members[i]) {
			d.fail(failed("renew", d.key, reads, err))
		}
	}
	s.learn(ctx, items)
	leases := s.pool.renewLeases(ctx, items, members)
	var strays []*guardedOp
	for i, d := range items {
		s.records.update(members[i], d)
		if !s.pool.answerRenew(d, leases) {
			strays = append(strays, d)
		}
	}
	s.pool.adopt(ctx, strays)
	s.explain(ctx, items, leases)
}

// answerRenew answers an operation and returns true, unless its record has yet to be adopted.
// If the keep-alive was not confirmed, the record's deadline stays as it was.
func (p *pool) answerRenew(d *guardedOp, leases map[clientv3.LeaseID]renewal) bool {
	r, asked := leases[d.lease]
	switch {
	case d.err != nil:
	case !asked, errors.Is(r.err, errLeft), r.err == nil && !p.records.has(d):
		return false
	default:
		if r.answer(d); d.err == nil {
			p.records.extendUntil(d.key, d.ref.Token, d.until)
		}
	}
	return true
}

// renewal is the result of the keep-alive of one etcd lease.
type renewal struct {
	shared *sharedLease
	until  time.Time
	err    error
}

// answer completes an executed operation with the result of its keep-alive.
func (r renewal) answer(d *guardedOp) {
	switch {
	case r.err == nil:
		d.until = r.until
	case isGone(r.err):
		d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrLost, Err: named(r.err)})
	case errors.Is(r.err, store.ErrLost), errors.Is(r.err, store.ErrForeign):
		d.fail(r.err)
	case len(d.value) > 0: // the value was written, and the ttl may not have been restarted
		d.fail(&store.Error{Op: d.op, Key: d.key, Condition: store.ErrInDoubt, Err: named(bare(r.err))})
	default:
		d.fail(failed(d.op, d.key, writes, bare(r.err)))
	}
}

// renewLeases sends the keep-alives for operations, all at once, and executes the operations.
// The operations on one etcd lease do not wait for those on another.
func (p *pool) renewLeases(ctx context.Context, items []*guardedOp, members []*member) map[clientv3.LeaseID]renewal {
	listKeys := manyChecks(items)
	on := make(map[clientv3.LeaseID][]int) // the operations on each etcd lease that this store keeps alive
	var others []*guardedOp
	for i, d := range items {
		if d.done {
			continue
		}
		if _, known := on[d.lease]; known || p.keeps(d.lease) {
			on[d.lease] = append(on[d.lease], i)
		} else {
			others = append(others, d)
		}
	}
	renewals := make(map[clientv3.LeaseID]renewal)
	var all sync.WaitGroup
	var mu sync.Mutex
	for lease, places := range on {
		all.Go(func() {
			sh, err := p.renewLease(ctx, lease, listKeys)
			mu.Lock()
			renewals[lease] = renewal{shared: sh, err: err}
			mu.Unlock()
			if listKeys {
				p.execute(ctx, p.confirmed(items, members, places))
			}
		})
	}
	if listKeys {
		p.execute(ctx, others)
	} else {
		p.execute(ctx, items)
	}
	all.Wait()
	var kept []*sharedLease
	for _, r := range renewals {
		if r.err == nil {
			kept = append(kept, r.shared)
		}
	}
	for sh, r := range p.proven(ctx, kept) {
		renewals[sh.lease] = r
	}
	return renewals
}

// manyChecks reports whether there are more checks than one transaction can have. Then a list
// of the attached keys costs less.
func manyChecks(items []*guardedOp) bool {
	checks := 0
	for _, d := range items {
		if !d.done && !d.writes() {
			checks++
		}
	}
	return checks > maxOps
}

// confirmed ends the checks of records that the attached keys confirm, among the operations
// in places. It returns the other operations.
func (p *pool) confirmed(items []*guardedOp, members []*member, places []int) (left []*guardedOp) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, i := range places {
		d, m := items[i], members[i]
		if m != nil && !d.done && !d.writes() && !p.records.state(m).unwanted && m.shared.confirms(m) {
			d.done = true
		} else {
			left = append(left, d)
		}
	}
	return left
}

// renewLease keeps an etcd lease of this store alive.
func (p *pool) renewLease(ctx context.Context, lease clientv3.LeaseID, listKeys bool) (*sharedLease, error) {
	p.mu.Lock()
	sh := p.sharedOf(lease)
	p.mu.Unlock()
	if sh == nil {
		return nil, errLeft
	}
	return sh, p.keepAlive(ctx, sh, listKeys)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// explain completes errors: a foreign value gets its time left, and a lost lease gets
// ErrLeaseGone if its etcd lease has ended. The results of keep-alives may be nil.
func (s *Store) explain(ctx context.Context, items []*guardedOp, leases map[clientv3.LeaseID]renewal) {
	ended := make(map[clientv3.LeaseID]bool)
	var foreign, lost []*guardedOp
	for _, d := range items {
		if errors.Is(d.err, store.ErrForeign) {
			foreign = append(foreign, d)
		} else if errors.Is(d.err, store.ErrLost) && d.lease != 0 {
			lost = append(lost, d)
		}
	}
	inParallel(foreign, func(d *guardedOp) {
		if facts, ok := d.err.(*store.ForeignError); ok {
			s.explainForeign(ctx, d, facts)
		}
	})
	for _, d := range lost {
		if _, asked := ended[d.lease]; !asked {
			ended[d.lease] = isGone(leases[d.lease].err) || s.pool.hasEnded(ctx, d.lease)
		}
		if ended[d.lease] {
			renewal{err: rpctypes.ErrLeaseNotFound}.answer(d)
		}
	}
}

func (s *Store) explainForeign(ctx context.Context, d *guardedOp, facts *store.ForeignError) {
	left, err := s.timeLeft(ctx, d.lease)
	switch {
	case err != nil:
		d.fail(failed(d.op, d.key, reads, err))
	case left <= 0:
		d.fail(store.Lost(d.op, d.key, 0))
	default:
		facts.Record.Left = left
	}
}

// hasEnded sends a keep-alive for an etcd lease of this store, however recent the last one
// is, and reports whether the etcd lease has ended.
func (p *pool) hasEnded(ctx context.Context, lease clientv3.LeaseID) bool {
	p.mu.Lock()
	sh := p.sharedOf(lease)
	if sh != nil {
		sh.suspect = true
	}
	p.mu.Unlock()
	return sh != nil && isGone(p.keepAlive(ctx, sh, false))
}
