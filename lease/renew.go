package lease

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// renewal is one heartbeat of one lease.
type renewal struct {
	lease        *lease
	at           time.Time
	write        store.Renewal
	turn         bool  // it has the write turn of the lease
	valueSkipped bool  // a writer had the turn: a heartbeat with a value is to follow
	skip         error // why it goes out without the value that it was to carry
	unsent       bool  // its lease has ended, or its holder is not healthy
	took         time.Duration
	left         time.Duration // of the window when the answer came; for OnRenew alone
	err          error         // of the answer
	failed       bool          // there was no definite answer

	stage   atomic.Int32 // of the callback; see callback.go
	value   []byte       // what encode returned, once stage is returned
	fault   error        // and its error
	carries bool         // write has the value of encode: commit is to be called
}

// renewBatches sends a batch, and then others as long as there are any for it.
func (k *Keeper) renewBatches(b *batch) {
	var items []renewal
	for callbacks := false; b != nil; {
		if callbacks {
			items = nil // one that is late can still use its renewal
		}
		items, callbacks = k.prepare(b, items)
		for rest := items; len(rest) > 0; {
			n := fitting(rest)
			k.send(rest[:n])
			rest = rest[n:]
		}
		k.schedule.settle(b, items)
		k.commit(items)
		k.schedule.mu.Lock()
		b = k.schedule.next(time.Now())
		k.schedule.mu.Unlock()
	}
}

// fitting returns how many items fit into one request: at least one.
func fitting(items []renewal) int {
	bytes := 0
	for i := range items {
		if bytes += len(items[i].write.Value); bytes > maxBytes && i > 0 {
			return i
		}
	}
	return len(items)
}

// prepare makes the renewals of a batch. Each carries a value if the lease's heartbeats do,
// or if a write in doubt is to be settled; but never while another write has the turn, since
// the two could arrive in either order. The renewals are written into room, if they fit.
// callbacks reports whether callbacks of leases were called.
func (k *Keeper) prepare(b *batch, room []renewal) (items []renewal, callbacks bool) {
	at := time.Now()
	if items = room[:cap(room)]; len(items) < len(b.leases) {
		items = make([]renewal, len(b.leases))
	}
	items = items[:len(b.leases)]
	clear(items)
	var encode []*renewal
	for i, l := range b.leases {
		r := &items[i]
		r.lease, r.at, r.write = l, at, store.Renewal{Key: l.key, Token: l.token}
		r.unsent = !l.mayRenew(at)
		var late bool
		switch r.turn, late = l.turn.takeForHeartbeat(l.heartbeat != nil); {
		case r.turn && l.heartbeat != nil && !r.unsent:
			encode = append(encode, r)
		case late:
			r.skip = errCallbackRunning
		case !r.turn && l.heartbeat != nil:
			r.valueSkipped = true
		}
	}
	k.encode(encode)
	// Leases that ended while the values of others were made are not renewed either.
	sent, now := items, time.Now()
	for i := range items {
		r := &items[i]
		if !r.unsent && (len(encode) == 0 || r.lease.mayRenew(now)) {
			r.complete()
			continue
		}
		if reason, first := r.lease.check(now); first {
			k.lost(r.lease, reason)
		}
		r.giveTurn()
		r.unsent = true
		sent = nil
	}
	if sent == nil {
		sent = make([]renewal, 0, len(items))
		for i := range items {
			if r := &items[i]; !r.unsent {
				sent = append(sent, renewal{
					lease: r.lease, at: r.at, write: r.write, turn: r.turn,
					valueSkipped: r.valueSkipped, skip: r.skip, carries: r.carries,
				})
			}
		}
	}
	return sent, len(encode) > 0
}

// complete numbers the value, or gives the turn back if there is none. Without a value of
// its own a heartbeat settles a write in doubt by writing the last confirmed value again.
func (r *renewal) complete() {
	if !r.turn {
		return
	}
	if len(r.write.Value) == 0 && r.lease.turn.inDoubt {
		r.write.Value = r.lease.turn.confirmed
	}
	if len(r.write.Value) == 0 {
		r.giveTurn()
		return
	}
	r.write.Seq = r.lease.turn.number()
}

func (r *renewal) giveTurn() {
	if r.turn {
		r.turn = false
		r.lease.giveTurn()
	}
}

// send makes one request, and takes in the answer of each item.
func (k *Keeper) send(items []renewal) {
	writes := make([]store.Renewal, len(items))
	for i := range items {
		writes[i] = items[i].write
	}
	ctx, cancel := context.WithTimeout(k.life, k.limit())
	defer cancel()
	sent := time.Now()
	answers := k.store.Renew(ctx, writes)
	now := time.Now()
	took := now.Sub(sent)
	for i := range items {
		answer := store.RenewResult{Err: errNoAnswer}
		if i < len(answers) {
			answer = answers[i]
		}
		items[i].took = took
		items[i].finish(answer, now)
	}
}

// finish takes in the store's answer, which came at now.
func (r *renewal) finish(answer store.RenewResult, now time.Time) {
	l := r.lease
	r.err = sound("renew", l.key, answer.Err)
	switch {
	case r.err == nil:
		r.left = l.extend(answer.Until, now)
		if r.turn {
			l.turn.confirm(r.write.Value)
		}
	case notOurs(r.err):
		r.left = max(l.left(now), 0)
		l.lose(r.err)
	default:
		r.left = max(l.left(now), 0)
		r.failed = true
		l.failed(r.err)
		if r.turn && errors.Is(r.err, store.ErrInDoubt) {
			l.turn.inDoubt = true
		}
	}
	if r.err != nil || !r.carries || l.heartbeat.commit == nil {
		r.carries = false
		r.giveTurn()
		r.report()
	}
}

// report tells OnRenew of the attempt.
func (r *renewal) report() {
	l := r.lease
	if k := l.keeper; k.cfg.OnRenew != nil && !l.released() {
		k.renewed.add(RenewAttempt{Key: l.key, Token: l.token, At: r.at, Duration: r.took, Left: r.left, Err: r.err, Skipped: r.skip})
	}
}
