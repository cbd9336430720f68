package lease

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

const (
	maxQueued = 1024 // entries of one log
	logTries  = 8    // for one batch of entries
)

var errLogQueueFull = errors.New("too many entries are waiting")

// activityLog stores the entries of one lease, one request at a time: the store takes entries in
// the order of their numbers alone. A write carries its entries if no others are on their way.
// Other entries, also from AppendLog, wait in a queue for a request of their own.
type activityLog struct {
	lease   *lease
	limits  store.LogLimits
	dropped func(int, error)
	reports *observer[struct{}] // calls dropped

	mu      sync.Mutex
	next    uint64 // number of the next entry that is sent
	sending bool   // a request with entries is under way
	queued  [][]byte
	untold  int           // entries that were dropped and not reported
	reason  error         // of the last of them
	empty   chan struct{} // closed once nothing is queued or sent; nil unless somebody waits
}

// checkLog refuses a log that the store or its limits do not allow.
func (k *Keeper) checkLog(key string, log *activityLog) error {
	if log == nil {
		return nil
	}
	if _, ok := k.store.(store.Logger); !ok {
		return &store.InvalidError{Key: key, What: "option WithLog", Rule: "needs a store that keeps logs, a store.Logger"}
	}
	return log.check(key, [][]byte{{0}})
}

// check refuses entries that break a rule.
func (a *activityLog) check(key string, values [][]byte) error {
	for batch := range slices.Chunk(values, store.MaxLogEntries) {
		if err := (store.LogEntries{First: 1, Values: batch, Limits: a.limits}).Check(); err != nil {
			return forKey(key, err)
		}
	}
	return nil
}

func (l *lease) AppendLog(values ...[]byte) error {
	if l.log == nil {
		return &store.InvalidError{Key: l.key, What: "log", Rule: "there is none: acquire the lease with the option WithLog"}
	}
	if err := l.log.check(l.key, values); err != nil {
		return err
	}
	if err := l.Err(); err != nil {
		return err
	}
	l.log.queue(values)
	return nil
}

func (l *lease) FlushLog(ctx context.Context) error {
	a := l.log
	if a == nil {
		return nil
	}
	a.mu.Lock()
	if !a.sending && len(a.queued) == 0 {
		a.mu.Unlock()
		return nil
	}
	if a.empty == nil {
		a.empty = make(chan struct{})
	}
	empty := a.empty
	a.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return ctxerr.Of(ctx)
	}
}

// adder is the common part of [store.Logger] and [store.Requester].
type adder interface {
	UpdateWith(context.Context, store.Update, store.Addition) error
}

// send sends an update with the entries and the answer of a content. Entries that break a rule
// are dropped.
func (l *lease) send(ctx context.Context, u store.Update, c Content) error {
	if c.Answer != nil {
		if _, err := l.requester(); err != nil {
			return err
		}
	}
	logged := l.log != nil && len(c.Log) > 0
	if logged {
		if err := l.log.check(l.key, c.Log); err != nil {
			l.log.drop(len(c.Log), err)
			logged = false
		}
	}
	with := store.Addition{Answer: c.Answer}
	carried := logged && l.log.carry(c.Log, &with)
	var err error
	if carried || c.Answer != nil {
		err = l.keeper.store.(adder).UpdateWith(ctx, u, with)
	} else {
		err = l.keeper.store.Update(ctx, u)
	}
	switch {
	case carried:
		l.log.carried(len(c.Log), err)
	case logged && err == nil:
		l.log.queue(c.Log)
	}
	return err
}

// carry has an update carry entries, unless others are on their way.
func (a *activityLog) carry(values [][]byte, with *store.Addition) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sending || len(a.queued) > 0 || len(values) > store.MaxLogEntries {
		return false
	}
	n := len(values)
	with.Log = store.LogEntries{First: a.next, Values: values, Limits: a.limits, Failed: func(err error) { a.drop(n, err) }}
	a.next += uint64(n)
	a.sending = true
	return true
}

// carried notes how the update with entries ended. The numbers of entries that may have been
// stored are not used again.
func (a *activityLog) carried(n int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sending = false
	if err != nil && !errors.Is(err, store.ErrInDoubt) {
		a.next -= uint64(n)
	}
	a.sendQueued()
}

// queue adds entries to the queue.
func (a *activityLog) queue(values [][]byte) {
	a.mu.Lock()
	taken := min(len(values), maxQueued-len(a.queued))
	for _, v := range values[:taken] {
		a.queued = append(a.queued, bytes.Clone(v))
	}
	a.sendQueued()
	a.mu.Unlock()
	if taken < len(values) {
		a.drop(len(values)-taken, errLogQueueFull)
	}
}

// sendQueued has the queue sent, unless entries are being sent. a.mu is locked.
func (a *activityLog) sendQueued() {
	switch {
	case a.sending:
	case len(a.queued) > 0:
		a.sending = true
		a.lease.keeper.calls.start(a.sendAll)
	case a.empty != nil:
		close(a.empty)
		a.empty = nil
	}
}

// sendAll sends entries until none are queued.
func (a *activityLog) sendAll() {
	for {
		a.mu.Lock()
		batch := a.queued[:min(len(a.queued), store.MaxLogEntries)]
		if len(batch) == 0 {
			a.queued, a.sending = nil, false
			a.sendQueued()
			a.mu.Unlock()
			return
		}
		entries := store.LogEntries{First: a.next, Values: batch, Limits: a.limits}
		a.mu.Unlock()
		err := a.append(entries)
		a.mu.Lock()
		a.next += uint64(len(batch))
		a.queued = a.queued[len(batch):]
		a.mu.Unlock()
		if err != nil {
			a.drop(len(batch), err)
		}
	}
}

// append sends entries, several times if the store is unavailable: repeats have no effect.
func (a *activityLog) append(entries store.LogEntries) error {
	l := a.lease
	pauses := newBackoff(l.keeper.cfg.Heartbeat)
	for try := 1; ; try++ {
		ended := l.Err()
		if ended != nil {
			return ended
		}
		ctx, cancel := context.WithTimeout(l.keeper.life, l.keeper.limit())
		err := sound("append log", l.key, l.keeper.store.(store.Logger).AppendLog(ctx, l.key, l.token, entries))
		cancel()
		switch {
		case err == nil:
			return nil
		case notOurs(err):
			l.lose(err)
			return err
		case !passing(err) || try == logTries || !pauses.sleep(l.keeper.open, l.Done()):
			return err
		}
	}
}

// drop has entries reported that were not stored.
func (a *activityLog) drop(n int, err error) {
	if a.dropped == nil {
		return
	}
	a.mu.Lock()
	a.untold, a.reason = a.untold+n, err
	a.mu.Unlock()
	a.reports.add(struct{}{})
}

// report calls dropped with all that is not reported.
func (a *activityLog) report(struct{}) {
	a.mu.Lock()
	n, err := a.untold, a.reason
	a.untold = 0
	a.mu.Unlock()
	if n > 0 {
		a.dropped(n, err)
	}
}
