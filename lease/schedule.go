package lease

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	maxItems  = 256     // renewals in a batch
	maxBytes  = 1 << 20 // of their values
	maxUrgent = 64      // of its items may come before those with a nearer deadline

	inFlight        = 4   // batches under way
	inFlightFailing = 2   // and of leases whose last renew failed
	maxOverdue      = 128 // batches of either kind, with those that are slow

	tick     = time.Second           // between two comparisons of the clocks
	maxDrift = 10 * time.Millisecond // of the clocks, before every window is looked at
)

// scheduled is the part of a lease that belongs to the schedule and is guarded by its lock.
type scheduled struct {
	slot     int32 // index in the agenda
	state    renewState
	again    bool   // renew once more after the batch under way
	failures uint16 // renewals in a row without an answer
	retryAt  moment // when to try again, apart from the rounds; 0 for not
	alertAt  moment // of the last renew because of a delete
}

type renewState uint8

const (
	resting renewState = iota // until the next round or retry
	queued                    // due or urgent
	sending                   // in a batch
)

// schedule decides which leases are renewed when. Once per heartbeat a round makes every
// lease due. Batches take the nearest deadline first; a lease that becomes due meanwhile
// competes for the next batch. A lease travels apart from the others after a failed renew, so
// that a server that hangs holds up its own leases. A batch that takes longer than patience
// does not count as under way any more: the next one starts beside it.
type schedule struct {
	keeper   *Keeper
	patience moment
	wake     chan struct{} // one element when the goroutine has to look again; never closed

	mu      sync.Mutex
	closed  bool
	idle    bool // no leases, no timer
	agenda  agenda
	due     deadlines
	failing deadlines
	urgent  []*lease
	byKey   map[string]*lease // the newest of each key; nil if the store tells of no deletes
	active  map[*batch]struct{}
	round   moment        // the next
	planned moment        // when the goroutine looks next
	drift   time.Duration // of the wall clock against the monotonic one, when last compared
}

// batch is one request of renewals.
type batch struct {
	leases  []*lease
	failing bool
	since   moment
}

func newSchedule(k *Keeper) *schedule {
	s := &schedule{
		keeper:   k,
		patience: moment(min(k.cfg.Heartbeat/16, 250*time.Millisecond)),
		wake:     make(chan struct{}, 1),
		idle:     true,
		active:   make(map[*batch]struct{}),
	}
	if _, ok := k.store.(store.DeleteNotifier); ok {
		s.byKey = make(map[string]*lease)
	}
	return s
}

// interval is the time between two rounds, a little random so that the processes of a fleet
// do not renew in step.
func (s *schedule) interval() moment {
	h := s.keeper.cfg.Heartbeat
	return moment(h - rand.N(h/10+1))
}

// signal has the goroutine look again if it would not do so by at.
func (s *schedule) signal(at moment) {
	if at >= s.planned && !s.idle {
		return
	}
	select {
	case s.wake <- struct{}{}:
	default: // it has been told
	}
}

// add takes a lease, or returns false after close.
func (s *schedule) add(l *lease, now time.Time) bool {
	at, left := s.keeper.moment(now), l.left(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.idle {
		s.round = at + s.interval()
		s.signal(at)
		s.idle, s.planned = false, at
	}
	s.agenda.add(l, at+moment(left))
	if s.byKey != nil {
		if before := s.byKey[l.key]; before == nil || before.token < l.token {
			s.byKey[l.key] = l
			if before != nil { // its record is gone, and an alert of that would find this lease
				s.alertLocked(before, at)
			}
		}
	}
	if left <= s.keeper.cfg.Heartbeat { // the next round could come too late
		s.renewNow(l, at)
	}
	return true
}

// close makes the schedule refuse further leases, and returns its leases.
func (s *schedule) close() []*lease {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	all := make([]*lease, len(s.agenda))
	for i, e := range s.agenda {
		all[i] = e.lease
	}
	return all
}

// stats returns the number of leases, and the rest of the window that ends first.
func (s *schedule) stats(now time.Time) (n int, least time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, e := range s.agenda {
		if left := max(e.lease.left(now), 0); i == 0 || left < least {
			least = left
		}
	}
	return len(s.agenda), least
}

// forget drops a lease that has ended.
func (s *schedule) forget(l *lease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(l)
}

func (s *schedule) forgetLocked(l *lease) {
	s.agenda.remove(l)
	if s.byKey[l.key] == l {
		delete(s.byKey, l.key)
	}
}

// renewNow has a lease renewed before others: to settle a write in doubt, or because the
// write turn is reserved for it.
func (s *schedule) renewNow(l *lease, at moment) {
	switch {
	case l.schedule.slot == unscheduled:
		return
	case l.schedule.state == sending:
		l.schedule.again = true
		return
	}
	l.schedule.state, l.schedule.retryAt = queued, 0
	s.urgent = append(s.urgent, l)
	s.signal(at)
}

// alert has the record of a key looked at that may have been deleted, or all records if the
// key is empty.
func (s *schedule) alert(key string, at moment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.byKey[key]; l != nil {
		s.alertLocked(l, at)
	}
	if key == "" {
		for _, l := range s.byKey {
			s.alertLocked(l, at)
		}
	}
}

// alertLocked has a record looked at: at once or, as alerts can be many and wrong, a moment
// after the last look.
func (s *schedule) alertLocked(l *lease, at moment) {
	if l.schedule.retryAt != 0 || l.schedule.state == queued || l.ended() { // one that is being released, say
		return
	}
	if last := l.schedule.alertAt; last > 0 {
		at = max(at, last+moment(s.keeper.cfg.Heartbeat/16))
	}
	l.schedule.alertAt = at
	s.retry(l, at)
}

// retry has a lease renewed at a time between two rounds.
func (s *schedule) retry(l *lease, at moment) {
	if l.schedule.slot == unscheduled {
		return
	}
	l.schedule.retryAt = at
	if at < s.agenda[l.schedule.slot].at {
		s.agenda.move(l, at)
	}
	s.signal(at)
}

// survey ends leases at the end of their windows, starts the batches that are due, and
// returns when to look again.
func (s *schedule) survey(now time.Time) (next moment) {
	at := s.keeper.moment(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	if drift := s.keeper.drift(now); (drift - s.drift).Abs() > maxDrift {
		s.drift = drift
		s.lookAtAll(at)
	}
	for len(s.agenda) > 0 && s.agenda[0].at <= at {
		s.look(s.agenda[0].lease, now, at)
	}
	if len(s.agenda) == 0 && len(s.active) == 0 {
		s.idle, s.planned = true, never
		s.urgent, s.due, s.failing = nil, deadlines{}, deadlines{} // all of ended leases
		return never
	}
	if at >= s.round {
		s.round = at + s.interval()
		s.startRound(now, at)
	}
	for b := s.next(now); b != nil; b = s.next(now) {
		s.keeper.runs.Go(func() { s.keeper.renewBatches(b) })
	}
	next = min(s.round, at+moment(tick))
	if len(s.agenda) > 0 {
		next = min(next, s.agenda[0].at)
	}
	if len(s.due.all) > 0 || len(s.failing.all) > 0 || len(s.urgent) > 0 {
		for b := range s.active {
			if overdue := b.since + s.patience; overdue > at {
				next = min(next, overdue)
			}
		}
	}
	s.planned = next
	return next
}

// lookAtAll has every lease looked at: after a suspend or a step of the wall clock no
// moment of the agenda can be relied on.
func (s *schedule) lookAtAll(at moment) {
	for i := range s.agenda {
		s.agenda[i].at = at
	}
}

// look ends a lease if its window has ended, or queues it if it is to be tried again.
func (s *schedule) look(l *lease, now time.Time, at moment) {
	switch reason, first := l.check(now); {
	case first:
		s.forgetLocked(l)
		s.keeper.reportLoss(l, reason)
	case reason != nil: // whoever ended it drops it
		s.agenda.move(l, never)
	default:
		next := at + moment(l.left(now))
		if retry := l.schedule.retryAt; retry != 0 && l.schedule.state == resting {
			if retry <= at {
				s.queue(l, next)
			} else {
				next = min(next, retry)
			}
		}
		s.agenda.move(l, max(next, at+1))
	}
}

// queue makes a lease due. end is the end of its window, or an earlier moment.
func (s *schedule) queue(l *lease, end moment) {
	l.schedule.state, l.schedule.retryAt = queued, 0
	if l.schedule.failures > 0 {
		s.failing.add(l, end)
	} else {
		s.due.add(l, end)
	}
}

// startRound makes every lease due that is not already.
func (s *schedule) startRound(now time.Time, at moment) {
	s.due.all = slices.Grow(s.due.all, len(s.agenda))
	for _, e := range s.agenda {
		if e.lease.schedule.state == resting {
			s.queue(e.lease, at+moment(e.lease.left(now)))
		}
	}
}

// next forms the next batch, or returns nil if there is nothing to send or enough is under
// way.
func (s *schedule) next(now time.Time) *batch {
	at := s.keeper.moment(now)
	var busy, slow [2]int // by kind: other leases, failing ones
	for b := range s.active {
		kind := 0
		if b.failing {
			kind = 1
		}
		if at-b.since < s.patience {
			busy[kind]++
		} else {
			slow[kind]++
		}
	}
	if busy[0] < inFlight && busy[0]+slow[0] < maxOverdue {
		b := &batch{since: at}
		s.takeDue(b, &s.due, s.takeUrgent(b))
		if s.start(b) {
			return b
		}
	}
	if busy[1] < inFlightFailing && busy[1]+slow[1] < maxOverdue {
		b := &batch{since: at, failing: true}
		s.takeDue(b, &s.failing, 0)
		if s.start(b) {
			return b
		}
	}
	return nil
}

func (s *schedule) start(b *batch) bool {
	if len(b.leases) == 0 {
		return false
	}
	s.active[b] = struct{}{}
	return true
}

// takeUrgent takes leases in the order they became urgent, so that the write turns reserved
// for them are not held for longer than it takes to form a batch.
func (s *schedule) takeUrgent(b *batch) (bytes int) {
	taken := 0
	for ; taken < len(s.urgent) && len(b.leases) < maxUrgent; taken++ {
		bytes += s.take(b, s.urgent[taken])
	}
	n := copy(s.urgent, s.urgent[taken:])
	clear(s.urgent[n:])
	s.urgent = s.urgent[:n]
	return bytes
}

func (s *schedule) takeDue(b *batch, from *deadlines, bytes int) {
	for l := from.nearest(); l != nil && len(b.leases) < maxItems; l = from.nearest() {
		if bytes > 0 && bytes+l.heartbeat.bytes() > maxBytes {
			return
		}
		from.take()
		bytes += s.take(b, l)
	}
}

// take puts a lease into a batch unless it was taken before or has been dropped, and returns the
// bytes of its value. One that has ended is left out when the batch is prepared.
func (s *schedule) take(b *batch, l *lease) int {
	if l.schedule.state != queued || l.schedule.slot == unscheduled {
		return 0
	}
	l.schedule.state = sending
	if b.leases == nil {
		b.leases = make([]*lease, 0, min(maxItems, len(s.agenda)))
	}
	b.leases = append(b.leases, l)
	return l.heartbeat.bytes()
}

// settle takes in the outcomes of a batch: which leases to try again, and when.
func (s *schedule) settle(b *batch, items []renewal) {
	now := s.keeper.moment(time.Now())
	pauses := newBackoff(s.keeper.cfg.Heartbeat)
	var again moment // of all that failed in the batch: they are to be one batch again
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.active, b)
	for _, l := range b.leases {
		l.schedule.state = resting
		if l.schedule.retryAt != 0 { // because of a delete that was reported meanwhile
			s.retry(l, l.schedule.retryAt)
		}
	}
	for i := range items {
		r, l := &items[i], items[i].lease
		if l.heartbeat != nil && len(r.write.Value) > 0 {
			l.heartbeat.size = len(r.write.Value)
		}
		if !r.failed {
			l.schedule.failures = 0
			if r.valueSkipped && l.turn.request() {
				l.schedule.again = true
			}
			continue
		}
		l.schedule.failures = min(l.schedule.failures+1, 1000)
		if again == 0 {
			pauses.tries = int(l.schedule.failures) - 1
			again = now + moment(pauses.next())
		}
		s.retry(l, again)
	}
	for _, l := range b.leases {
		if l.schedule.again {
			l.schedule.again = false
			s.renewNow(l, now)
		}
	}
}
