package ctxerr

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Limits makes contexts for calls that take a moment each. Calls that begin at about the same time
// share a deadline, because a timer for each would cost as much as the rest of a call.
type Limits struct {
	parent context.Context
	most   time.Duration
	latest atomic.Pointer[limit]
}

// limit is a deadline and the end of a parent, for calls that begin before until.
type limit struct {
	context.Context
	cancel context.CancelFunc // not for the latest one: calls use it until it ends by itself
	until  time.Time
}

// NewLimits returns limits that end with parent, or after a time of most and at least 15/16 of it.
func NewLimits(parent context.Context, most time.Duration) *Limits {
	return &Limits{parent: parent, most: most}
}

// Limit returns a context that ends with parent and within the limits. The caller calls End after the
// call that the context is for.
func (l *Limits) Limit(parent context.Context) *Limited {
	now := time.Now()
	latest := l.latest.Load()
	if latest == nil || !now.Before(latest.until) {
		ctx, cancel := context.WithDeadline(l.parent, now.Add(l.most))
		next := &limit{Context: ctx, cancel: cancel, until: now.Add(l.most / 16)}
		if !l.latest.CompareAndSwap(latest, next) {
			cancel()
			next = l.latest.Load()
		}
		latest = next
	}
	return &Limited{Context: parent, limit: latest}
}

// Limited is a context that ends with its parent or with its limit. Unlike a context of
// context.WithDeadline it has no channel and no timer of its own until Done is called, and a
// function that waits for [Limited.Signals] does without.
type Limited struct {
	context.Context // the parent
	limit           context.Context

	mu     sync.Mutex
	ended  bool
	full   context.Context // has the channel of Done; nil before the first
	cancel func()          // ends it
}

// End ends the context.
func (l *Limited) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.full != nil {
		l.cancel()
	}
}

// Signals returns the two channels that tell of the end, but for End, in place of Done. The first
// is nil if the parent never ends.
func (l *Limited) Signals() (parent, limit <-chan struct{}) {
	return l.Context.Done(), l.limit.Done()
}

func (l *Limited) Deadline() (time.Time, bool) {
	deadline, _ := l.limit.Deadline()
	if earlier, ok := l.Context.Deadline(); ok && earlier.Before(deadline) {
		return earlier, true
	}
	return deadline, true
}

func (l *Limited) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full == nil {
		deadline, _ := l.limit.Deadline()
		full, cancel := context.WithDeadline(l.Context, deadline)
		stop := context.AfterFunc(l.limit, func() {
			if l.limit.Err() == context.Canceled { // full ends at the deadline by itself
				cancel()
			}
		})
		l.full, l.cancel = full, func() { stop(); cancel() }
		if l.err() != nil {
			cancel()
		}
	}
	return l.full.Done()
}

func (l *Limited) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil && l.full.Err() != nil {
		return l.full.Err()
	}
	return l.err() // also in the moment between the signal of an end and that of Done
}

// err returns why the context has ended, or nil. l.mu is locked.
func (l *Limited) err() error {
	if err := l.Context.Err(); err != nil {
		return err
	}
	if l.ended {
		return context.Canceled
	}
	return l.limit.Err()
}

func (l *Limited) Value(key any) any {
	l.mu.Lock()
	full := l.full
	l.mu.Unlock()
	if full != nil { // so that contexts made from this one end without a goroutine each
		return full.Value(key)
	}
	return l.Context.Value(key)
}
