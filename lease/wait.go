package lease

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

const (
	// shortest is the least time left of a record that is worth a wait.
	shortest = 10 * time.Millisecond
	// restFor is the pause until a waiter tries to be next in place of one that has left. The first is
	// the one that leaves next, as a rule, and a try that it cuts short has to be settled.
	restFor = 100 * time.Millisecond
)

// waits has the queues of waiters, one for each key that has any. Its lock guards the queues
// too.
type waits struct {
	mu     sync.Mutex
	queues map[string]*waitQueue
	n      int // waiters
}

// count is the number of waiters.
func (ws *waits) count() int {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.n
}

// waitQueue has the waiters of one key, in order of arrival. They share one watch, one timer
// and the last known record. One waiter tries at a time; it is told to
//
//   - when the watch says that the record is gone or that it missed the end,
//   - when the time left of the record has passed,
//   - when another waiter stopped trying, after a pause if the store gave that one no answer,
//   - when the watch fails: without a watch the key can still be had.
//
// A try that takes too long, in a callback of the waiter say, does not hold up the next waiter.
type waitQueue struct {
	keeper      *Keeper
	key         string
	first, last *waiter
	trying      *waiter          // the last one that was told to try; nil once it has
	again       bool             // there is a reason for another try since then
	standing    bool             // the last try is for a claim to be next, not because the key may be free
	stander     *waiter          // its claim is next, as long as one tries once in a heartbeat
	held        *store.HeldError // with the record that was last seen under the key
	over        time.Time        // when the time left of the record, as it was when first seen or over, has passed
	timer       *time.Timer      // for the time left, a pause or a slow try
	alarm       time.Time        // when it fires
	pausing     bool             // the timer is for a pause
	pauses      backoff
	stop        context.CancelFunc // of the watch
}

// waiter is one call of Acquire that waits.
type waiter struct {
	queue          *waitQueue
	previous, next *waiter
	wake           chan struct{} // one element when there is something below; never closed

	try      bool             // to create
	busy     bool             // it is at it
	reclaims bool             // it has a policy for the records of others
	claim    *nextClaim       // nil if it cannot be next
	ask      *store.HeldError // with a record to ask it about
	err      error            // of the watch: the end of the wait
}

// acquireOrWait claims a key, and waits for it while another holds it. A call that finds
// others waiting queues behind them without a try; if it has a reclaim policy it tries first,
// because that has to be asked of the record.
func (k *Keeper) acquireOrWait(ctx context.Context, claim store.Claim, o options) (Lease, error) {
	o.next = k.newNextClaim(o)
	defer k.withdraw(claim.Key, o.next) // also if a callback panics
	if o.reclaim == nil {
		if err := checkClaim(claim, o); err != nil {
			return nil, err
		}
		if w := k.waits.join(k, claim.Key, nil, o); w != nil {
			return k.await(ctx, claim, o, w)
		}
	}
	l, err := k.claim(ctx, claim, o)
	if err == nil {
		return l, nil
	}
	held := new(store.HeldError)
	if !errors.As(err, &held) {
		return nil, err
	}
	return k.await(ctx, claim, o, k.waits.join(k, claim.Key, held, o))
}

// checkClaim finds the errors that a create would.
func checkClaim(claim store.Claim, o options) error {
	if err := store.CheckKey(claim.Key); err != nil {
		return err
	}
	if o.value != nil {
		return nil
	}
	claim.Nonce = store.NewNonce()
	return claim.Check(0)
}

// await tries whenever the queue tells it to, until it has the key, the wait is over, or an
// error says that it is for nothing.
func (k *Keeper) await(ctx context.Context, claim store.Claim, o options, w *waiter) (Lease, error) {
	defer w.leave() // also if a callback panics
	for {
		var handed chan store.Grant
		if o.next != nil {
			handed = o.next.handed
		}
		var grant store.Grant
		select {
		case <-ctx.Done():
			return nil, w.cutShort(ctxerr.Of(ctx))
		case <-k.open.Done():
			return nil, w.cutShort(ErrClosed)
		case <-w.wake:
			grant, _ = o.next.took()
		case grant = <-handed:
		}
		try, ask, err := w.receive()
		var l *lease
		switch {
		case grant.Token != 0:
			l, err = k.handedOver(claim, grant, o)
		case err != nil:
			return nil, err
		case ctx.Err() != nil || k.open.Err() != nil:
			continue
		case try:
			l, err = k.claim(ctx, claim, o)
		case ask == nil || !o.reclaim(ask.Record):
			continue
		default:
			l, err = k.reclaim(ctx, claim, o, ask.Record)
		}
		if err != nil && (ctx.Err() != nil || k.open.Err() != nil) {
			continue
		}
		if w.tried(l, claim.Value, err) {
			if err != nil {
				return nil, err
			}
			return l, nil
		}
	}
}

// join adds a waiter to the queue of a key. With held nil it does so only if there is a
// queue.
func (ws *waits) join(k *Keeper, key string, held *store.HeldError, o options) *waiter {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	q := ws.queues[key]
	if q == nil {
		if held == nil {
			return nil
		}
		if ws.queues == nil {
			ws.queues = make(map[string]*waitQueue)
		}
		q = &waitQueue{keeper: k, key: key, pauses: newBackoff(k.cfg.Heartbeat)}
		q.timer = time.AfterFunc(time.Hour, q.timeUp)
		ws.queues[key] = q
		var ctx context.Context
		ctx, q.stop = context.WithCancel(k.life)
		k.calls.start(func() { q.watch(ctx) }) // counted with the call that waits
	}
	ws.n++
	w := &waiter{queue: q, wake: make(chan struct{}, 1), reclaims: o.reclaim != nil, claim: o.next, previous: q.last}
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	if held != nil {
		if w.claim != nil && w.claim.next && q.held != nil && held.Record.Token < q.held.Record.Token {
			w.nudge() // another was faster to queue: the claim may have got the key since
		} else {
			q.note(w)
		}
		q.see(held, w)
	}
	return w
}

// receive takes the messages of the queue for the waiter.
func (w *waiter) receive() (try bool, ask *store.HeldError, err error) {
	mu := &w.queue.keeper.waits.mu
	mu.Lock()
	defer mu.Unlock()
	try, ask, err = w.try, w.ask, w.err
	w.try, w.ask = false, nil
	return try, ask, err
}

// cutShort is the error of a wait that ends before the key was free.
func (w *waiter) cutShort(cause error) error {
	mu := &w.queue.keeper.waits.mu
	mu.Lock()
	defer mu.Unlock()
	return &WaitError{Cause: cause, Held: w.queue.held}
}

// leave takes the waiter out of its queue, and hands its try on.
func (w *waiter) leave() {
	q := w.queue
	q.keeper.waits.mu.Lock()
	defer q.keeper.waits.mu.Unlock()
	q.keeper.waits.n--
	if w.previous == nil {
		q.first = w.next
	} else {
		w.previous.next = w.next
	}
	if w.next == nil {
		q.last = w.previous
	} else {
		w.next.previous = w.previous
	}
	if q.first == nil {
		q.end()
		return
	}
	if q.stander == w {
		q.stander = nil
	}
	if q.trying == w {
		q.trying = nil
		if q.standing {
			q.rest()
		} else {
			q.tell()
		}
	}
}

// note takes in, after a try of a waiter, whether its claim is next for the key. The claim that was next
// before may have got the key, and its waiter not have heard of it.
func (q *waitQueue) note(w *waiter) {
	switch {
	case w.claim != nil && w.claim.next:
		if q.stander != nil && q.stander != w {
			q.stander.nudge()
		}
		q.stander = w
	case q.stander == w:
		q.stander = nil
	}
}

// nudge has a waiter try, unless it is at it; beside the others, if it is not its turn.
func (w *waiter) nudge() {
	if !w.busy {
		w.try, w.busy = true, true
		w.notify()
	}
}

// end stops the watch and the timer of the queue. The next waiter of the key makes another queue.
func (q *waitQueue) end() {
	q.timer.Stop()
	q.stop()
	if q.keeper.waits.queues[q.key] == q {
		delete(q.keeper.waits.queues, q.key)
	}
}

// tried takes in the outcome of a try. It returns true if the wait is over.
func (w *waiter) tried(l *lease, value []byte, err error) (over bool) {
	q := w.queue
	q.keeper.waits.mu.Lock()
	defer q.keeper.waits.mu.Unlock()
	w.busy = err == nil // one that has the key is told nothing more
	mine := q.trying == w
	if mine {
		q.trying = nil
	}
	held := new(store.HeldError)
	switch {
	case err == nil:
		q.see(&store.HeldError{Record: store.Record{Key: q.key, Value: value, Token: l.token, Left: q.keeper.cfg.TTL}}, w)
		q.stand(w) // if the watch was first to tell of the lease
	case errors.As(err, &held):
		q.note(w)
		asks := q.stander == nil || !time.Now().Before(q.over)
		q.see(held, w)
		if asks {
			q.ask(w)
		}
	case passing(err):
		if mine {
			q.again = false
			q.pause()
		}
		return false
	default:
		if mine {
			q.trying = w // leave hands it on
		}
		return true
	}
	if mine && q.again {
		q.tell()
	}
	return err == nil
}

// see notes the record that is under the key, as said by a waiter or the watch, and when it
// has to be looked at again.
func (q *waitQueue) see(held *store.HeldError, by *waiter) {
	if q.held != nil && held.Record.Token < q.held.Record.Token {
		return // an answer that is older than what is known
	}
	another := q.held == nil || held.Record.Token > q.held.Record.Token
	if now := time.Now(); another || !now.Before(q.over) {
		q.over = now.Add(held.Record.Left)
	}
	if q.held = held; another {
		q.pauses.tries = 0
		q.ask(by)
		defer q.stand(by)
	}
	switch {
	case q.trying != nil: // its outcome sets the timer
	case held.Record.Left < shortest:
		q.pause() // the store is behind: not at once again
	default:
		q.pausing = false
		left := held.Record.Left
		if q.stander != nil {
			left = min(left, q.keeper.cfg.Heartbeat)
		}
		q.setTimer(left)
	}
}

// stand has the first waiter that is not at it try, if its claim can be next for the lease of a new
// record, unless by has just done so. Nobody is next in place of a first waiter that cannot be.
func (q *waitQueue) stand(by *waiter) {
	if q.trying != nil || by != nil && !by.busy && by.claim != nil {
		return
	}
	if w := q.firstToStand(); w != nil && w.claim != nil {
		q.have(w)
		q.standing = true
	}
}

// rest has the first waiter try to be next after a pause.
func (q *waitQueue) rest() {
	if w := q.idle(); q.trying == nil && !q.pausing && w != nil && w.claim != nil {
		q.setTimer(min(restFor, max(0, time.Until(q.alarm))))
	}
}

// firstToStand is the waiter whose claim is next if it is not at a try, or else the first that is not.
func (q *waitQueue) firstToStand() *waiter {
	if q.stander != nil && !q.stander.busy {
		return q.stander
	}
	return q.idle()
}

// idle is the first waiter that is not at a try.
func (q *waitQueue) idle() *waiter {
	w := q.first
	for w != nil && w.busy {
		w = w.next
	}
	return w
}

// ask has the other waiters ask their reclaim policies of the record.
func (q *waitQueue) ask(by *waiter) {
	for w := q.first; w != nil; w = w.next {
		if w.reclaims && !w.busy && w != by {
			w.ask = q.held
			w.notify()
		}
	}
}

func (q *waitQueue) setTimer(d time.Duration) {
	q.alarm = time.Now().Add(d)
	q.timer.Reset(d)
}

// pause has the next try made after a while.
func (q *waitQueue) pause() {
	q.pausing = true
	q.setTimer(q.pauses.next())
}

// tell has the first waiter try that is not at it. One that is told once more before it has
// tried has to try once more.
func (q *waitQueue) tell() {
	if q.trying != nil {
		q.again, q.standing = true, false
		return
	}
	q.turn(q.idle())
}

// turn has a waiter try, or the queue pause if w is nil.
func (q *waitQueue) turn(w *waiter) {
	q.again = false
	if w != nil {
		q.have(w)
	} else {
		q.pause()
	}
}

// have tells a waiter to try.
func (q *waitQueue) have(w *waiter) {
	q.again, q.standing = false, false
	q.trying, q.pausing = w, false
	q.setTimer(2 * q.keeper.limit())
	w.nudge()
}

func (w *waiter) notify() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// timeUp is called by the timer.
func (q *waitQueue) timeUp() {
	q.keeper.waits.mu.Lock()
	defer q.keeper.waits.mu.Unlock()
	if q.first == nil || time.Now().Before(q.alarm) {
		return
	}
	standing := q.standing
	if q.trying == nil {
		standing = !q.pausing && time.Now().Before(q.over)
	}
	q.trying = nil // if any, it is too slow: the next one tries beside it
	w := q.idle()
	if standing {
		w = q.firstToStand()
	}
	q.turn(w)
	q.standing = standing
}

// watch follows the record until the queue ends.
func (q *waitQueue) watch(ctx context.Context) {
	pause := q.keeper.cfg.Heartbeat / 2
	for ctx.Err() == nil {
		err := q.watchOnce(ctx)
		if ctx.Err() != nil || q.failed(err) {
			return
		}
		pauses := backoff{first: pause, most: 2 * pause}
		pauses.sleep(ctx, nil)
	}
}

// watchOnce follows the record until the watch fails. A watch without any event in time is
// given up.
func (q *waitQueue) watchOnce(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := time.AfterFunc(2*q.keeper.limit(), cancel)
	defer silent.Stop()
	there := false
	for e, err := range q.keeper.store.WatchKey(ctx, q.key) {
		if err != nil {
			return err
		}
		silent.Stop()
		switch e.Kind {
		case store.EventResync:
			there = false
		case store.EventPut:
			there = e.Record.Key == q.key || there
		}
		q.happened(e, there)
	}
	return nil
}

// happened takes in an event of the watch. there tells whether a record was seen since it
// began or missed something.
func (q *waitQueue) happened(e store.Event, there bool) {
	q.keeper.waits.mu.Lock()
	defer q.keeper.waits.mu.Unlock()
	switch {
	case q.first == nil:
	case e.Kind == store.EventPut && e.Record.Key == q.key:
		if e.Record.Token == 0 || e.Record.Left <= 0 { // another program's value, say: a create tells
			q.tell()
			return
		}
		if e.Record.Token > q.held.Record.Token {
			q.see(&store.HeldError{Record: e.Record}, nil)
		} else if e.Record.Token == q.held.Record.Token {
			q.held = &store.HeldError{Record: e.Record}
		}
	case e.Kind == store.EventGone && e.Record.Key == q.key:
		// An older record's end counts too: the record that a try met may have come and gone
		// between two reads of the watch.
		q.tell()
	case e.Kind == store.EventSynced && !there:
		q.tell()
	}
}

// failed takes in the end of a watch. It returns true if the error says that another is for
// nothing: it then ends every wait.
func (q *waitQueue) failed(err error) (over bool) {
	q.keeper.waits.mu.Lock()
	defer q.keeper.waits.mu.Unlock()
	for _, end := range []error{store.ErrClosed, store.ErrForeign, store.ErrInvalid} {
		if errors.Is(err, end) {
			for w := q.first; w != nil; w = w.next {
				w.err = err
				w.notify()
			}
			return true
		}
	}
	if q.first != nil && !q.pausing {
		q.tell()
	}
	return false
}
