package ctxerr

import (
	"context"
	"sync"
	"time"
)

// Limited is a context that ends with its parent, when another context ends, or at its
// deadline. A call that takes a moment needs neither a timer nor a channel of its own for that:
// unlike context.WithDeadline, Limited makes them when Done is called first, and a function that
// waits for [Limited.Signals] does without.
type Limited struct {
	context.Context // the parent
	also            context.Context
	deadline        time.Time // its own

	mu     sync.Mutex
	ended  bool
	full   context.Context // has the channel of Done; nil before the first
	cancel func()          // ends it
}

// Limit returns a context that lives for d at most. also is the other context, or nil. The caller
// calls End after the call that the context is for.
func Limit(parent, also context.Context, d time.Duration) *Limited {
	return &Limited{Context: parent, also: also, deadline: time.Now().Add(d)}
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

// Signals returns what ends the context but for End, in place of Done: two channels, each
// nil if it is never closed, and the end of its own time. A parent that has a deadline before that
// ends by itself, and has its own cause.
func (l *Limited) Signals() (parent, also <-chan struct{}, deadline time.Time) {
	if l.also != nil {
		also = l.also.Done()
	}
	return l.Context.Done(), also, l.deadline
}

func (l *Limited) Deadline() (time.Time, bool) {
	if earlier, ok := l.Context.Deadline(); ok && earlier.Before(l.deadline) {
		return earlier, true
	}
	return l.deadline, true
}

func (l *Limited) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full == nil {
		l.full, l.cancel = context.WithDeadline(l.Context, l.deadline)
		if l.err() != nil {
			l.cancel()
		} else if l.also != nil {
			cancel, stop := l.cancel, context.AfterFunc(l.also, l.cancel)
			l.cancel = func() { stop(); cancel() }
		}
	}
	return l.full.Done()
}

func (l *Limited) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return l.full.Err()
	}
	return l.err()
}

// err returns why the context has ended, or nil. l.mu is locked.
func (l *Limited) err() error {
	switch {
	case l.Context.Err() != nil:
		return l.Context.Err()
	case l.ended, l.also != nil && l.also.Err() != nil:
		return context.Canceled
	case !time.Now().Before(l.deadline):
		return context.DeadlineExceeded
	}
	return nil
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
