package lease

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/internal/ctxerr"
	"github.com/leasehold-go/leasehold/store"
)

const (
	maxQueued  = 1024     // entries of one log
	logTries   = 8        // for one batch of entries
	maxCarried = 64 << 10 // bytes of earlier entries that a write carries
)

var errLogQueueFull = errors.New("too many entries are waiting")

// activityLog stores the entries of one lease in the order of their numbers: the store takes no
// others. A write carries its own entries, and before them those that wait in the queue, which may
// be on their way in a request of their own: a repeat changes nothing.
type activityLog struct {
	lease   *lease
	limits  store.LogLimits
	dropped func(int, error)
	reports *observer[struct{}] // calls dropped
	late    atomic.Bool         // the store may still have entries of a write to append

	mu      sync.Mutex
	queued  [][]byte      // that are not known to be stored; nil for a number that is not used
	next    uint64        // number of the first of them
	sending bool          // a request with entries of the queue is under way
	carried uint64        // number of the first entry of the write under way; zero if there is none
	failed  error         // why that write, if it is made, has not stored its entries
	untold  int           // entries that were dropped and not reported
	reason  error         // of the last of them
	empty   chan struct{} // closed once nothing is queued or under way; nil unless somebody waits
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
	empty := a.empty
	if empty == nil {
		empty = make(chan struct{})
		a.empty = empty
		a.sendQueued()
	}
	a.mu.Unlock()
	select {
	case <-empty:
	case <-ctx.Done():
		return ctxerr.Of(ctx)
	}
	if !a.late.Swap(false) {
		return nil
	}
	// A read waits for the entries that the store has still to append; its own error tells nothing of them.
	for range l.keeper.store.(store.Logger).ReadLog(ctx, l.key, store.LogQuery{Backward: true, Limit: 1}) {
	}
	err := ctxerr.Of(ctx)
	if err != nil {
		a.late.Store(true)
	}
	return err
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
		l.log.settle(c.Log, err)
	case logged && err == nil:
		l.log.queue(c.Log)
	}
	return err
}

// carry has an update carry entries behind those of the queue, unless they are too many.
func (a *activityLog) carry(values [][]byte, with *store.Addition) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	size := 0
	for _, v := range a.queued {
		if size += len(v); v == nil || size > maxCarried {
			return false
		}
	}
	all := slices.Concat(a.queued, values)
	if len(all) > store.MaxLogEntries {
		return false
	}
	first, own := a.next, a.next+uint64(len(a.queued))
	a.carried, a.failed = own, nil
	with.Log = store.LogEntries{First: first, Values: all, Limits: a.limits, Failed: func(err error) {
		a.mu.Lock()
		early := a.carried == own // the write has not returned
		if early {
			a.failed = err
		}
		a.mu.Unlock()
		if !early {
			a.drop(len(all), err)
		}
	}}
	return true
}

// settle notes how the update with entries ended. If it was made without them they go to the queue,
// unless they never will be stored. The numbers of entries that may be stored are not used for others.
func (a *activityLog) settle(values [][]byte, err error) {
	a.mu.Lock()
	failed := a.failed
	before := int(a.carried - a.next) // the queue may have been sent meanwhile
	switch {
	case err == nil && failed == nil:
		a.queued, a.next = a.queued[before:], a.carried+uint64(len(values))
		a.late.Store(true)
	case err == nil || errors.Is(err, store.ErrInDoubt):
		kept := make([][]byte, len(values))
		if err == nil && passing(failed) {
			for i, v := range values {
				kept[i] = bytes.Clone(v)
			}
		}
		a.queued = slices.Insert(a.queued, before, kept...)
	}
	a.carried = 0
	a.sendQueued()
	a.mu.Unlock()
	if err == nil && failed != nil && !passing(failed) {
		a.drop(len(values), failed)
	}
}

// queue adds entries to the queue.
func (a *activityLog) queue(values [][]byte) {
	a.mu.Lock()
	taken := min(len(values), max(0, maxQueued-len(a.queued)))
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
	case len(a.batch()) > 0:
		a.sending = true
		a.lease.keeper.calls.start(a.sendAll)
	case a.carried == 0 && a.empty != nil:
		close(a.empty)
		a.empty = nil
	}
}

// batch returns the entries of the queue that can be sent now, from a.next on: those behind the
// write under way have no numbers yet. a.mu is locked.
func (a *activityLog) batch() [][]byte {
	for len(a.queued) > 0 && a.queued[0] == nil {
		a.queued, a.next = a.queued[1:], a.next+1
	}
	n := min(len(a.queued), store.MaxLogEntries)
	if a.carried != 0 {
		n = min(n, int(a.carried-a.next))
	}
	if unused := slices.IndexFunc(a.queued[:n], func(v []byte) bool { return v == nil }); unused >= 0 {
		n = unused
	}
	return a.queued[:n]
}

// sendAll sends entries until there are none to send.
func (a *activityLog) sendAll() {
	for {
		a.mu.Lock()
		batch := a.batch()
		if len(batch) == 0 {
			a.sending = false
			a.sendQueued()
			a.mu.Unlock()
			return
		}
		entries := store.LogEntries{First: a.next, Values: batch, Limits: a.limits}
		a.mu.Unlock()
		err := a.append(entries)
		a.mu.Lock()
		sent := 0 // that a write has not stored meanwhile
		if a.next == entries.First {
			sent = len(batch)
		}
		a.queued, a.next = a.queued[sent:], a.next+uint64(sent)
		a.mu.Unlock()
		if err != nil && sent > 0 {
			a.drop(sent, err)
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
