package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var _ Lease = (*lease)(nil)

// lease implements [Lease]. A keeper may have 100,000 of them: fields that most leases
// never need are allocated on demand.
type lease struct {
	keeper    *Keeper
	key       string
	token     store.Token
	nonce     *store.Nonce    // of its create if that was repeated, else nil
	heartbeat *heartbeatValue // nil without [WithHeartbeatValue]
	turn      writeTurn
	schedule  scheduled
	log       *activityLog // nil without [WithLog]

	mu       sync.Mutex // never held while the keeper's schedule is being locked
	window   trust
	reason   error    // of the end; nil while the lease is held
	trouble  *trouble // nil if there is none
	done     chan struct{}
	contexts []*derived
	deletion deletion
}

// trouble is why a lease is not renewed.
type trouble struct {
	renew  error // of the last renew; nil if the store confirmed it
	health error // of SetHealth
	missed bool  // a renew was left out because of it
}

// derived is one context made by [Lease.Context].
type derived struct {
	context context.Context
	cancel  context.CancelCauseFunc
	index   int // in lease.contexts; -1 once it has been removed
}

// closed is the channel of every lease that ended before Done was first called.
var closed = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func newLease(k *Keeper, claim store.Claim, grant store.Grant, o options) *lease {
	l := &lease{keeper: k, key: claim.Key, token: grant.Token, window: trustFor(grant.Until, claim.TTL)}
	l.turn.confirmed = claim.Value
	if o.heartbeat.encode != nil {
		l.heartbeat = &heartbeatValue{encode: o.heartbeat.encode, commit: o.heartbeat.commit}
	}
	if o.log != nil {
		l.log = &activityLog{lease: l, limits: o.log.limits, dropped: o.log.dropped, next: 1}
		l.log.reports = &observer[struct{}]{keeper: k, name: "dropped", call: l.log.report, most: 1, count: func(*struct{}, int) {}}
	}
	l.schedule.slot = unscheduled
	return l
}

func (l *lease) Key() string        { return l.key }
func (l *lease) Token() store.Token { return l.token }
func (l *lease) Valid() bool        { return l.Err() == nil }

func (l *lease) Err() error {
	reason, first := l.check(time.Now())
	if first {
		l.keeper.lost(l, reason)
	}
	return reason
}

// ended reports whether the end of the lease has been noted.
func (l *lease) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reason != nil
}

// released reports whether the holder has released the lease.
func (l *lease) released() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, released := l.reason.(*releasedError)
	return released
}

// check ends the lease if its window has ended. It returns the reason of the end, and true
// if this call was the one that ended it: the caller then reports the loss.
func (l *lease) check(now time.Time) (reason error, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.checkLocked(now)
}

func (l *lease) checkLocked(now time.Time) (reason error, first bool) {
	if l.reason != nil || l.window.holds(now) {
		return l.reason, false
	}
	cause := ErrExpired
	switch t := l.trouble; {
	case t == nil:
	case t.health != nil:
		cause = fmt.Errorf("%w: %w", ErrUnhealthy, t.health)
	case t.renew != nil:
		cause = fmt.Errorf("%w; the last renew said: %w", ErrExpired, t.renew)
	}
	l.endLocked(&LostError{Key: l.key, Token: l.token, Cause: cause})
	return l.reason, true
}

func (l *lease) SetHealth(err error) {
	l.mu.Lock()
	if l.trouble == nil {
		l.trouble = new(trouble)
	}
	t := l.trouble
	recovered := t.missed && err == nil
	t.health, t.missed = err, t.missed && !recovered
	l.mu.Unlock()
	if recovered {
		l.keeper.renewNow(l)
	}
}

// mayRenew reports whether a renew may go out: the lease has not ended, and its holder is healthy. If
// the holder is not, a renew follows its recovery.
func (l *lease) mayRenew(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trouble != nil {
		l.trouble.missed = l.trouble.health != nil
		if l.trouble.missed {
			return false
		}
	}
	return l.reason == nil && l.window.holds(now)
}

// lose ends the lease against its holder's will, unless it has ended already.
func (l *lease) lose(cause error) {
	l.mu.Lock()
	first := l.reason == nil
	if first {
		l.endLocked(&LostError{Key: l.key, Token: l.token, Cause: cause, Deleted: errors.Is(cause, store.ErrDeleted)})
	}
	reason := l.reason
	l.mu.Unlock()
	if first {
		l.keeper.lost(l, reason)
	}
}

// endLocked ends the lease: first the derived contexts, then Done, all on the caller's
// goroutine. The caller holds l.mu, so that Err waits until both have ended.
func (l *lease) endLocked(reason error) {
	l.reason = reason
	for _, d := range l.contexts {
		d.cancel(reason)
		d.index = -1
	}
	l.contexts = nil
	if l.done == nil {
		l.done = closed
	} else {
		close(l.done)
	}
}

// extend moves the window on, unless the lease had ended by now, when the confirmation came. It
// returns what was left of the window.
func (l *lease) extend(until, now time.Time) (left time.Duration) {
	l.mu.Lock()
	left = l.window.left(now)
	reason, first := l.checkLocked(now)
	if reason == nil {
		if w := trustFor(until, l.keeper.cfg.TTL); w.left(now) > left {
			l.window = w
		}
		if t := l.trouble; t != nil {
			if t.renew = nil; t.health == nil && !t.missed {
				l.trouble = nil
			}
		}
	}
	l.mu.Unlock()
	if first {
		l.keeper.lost(l, reason)
	}
	return max(left, 0)
}

// failed notes the error of a renew that can be tried again.
func (l *lease) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trouble == nil {
		l.trouble = new(trouble)
	}
	l.trouble.renew = err
}

// left is the time until the window ends.
func (l *lease) left(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.window.left(now)
}

func (l *lease) Done() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done == nil {
		l.done = make(chan struct{})
	}
	return l.done
}

func (l *lease) Context(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason != nil {
		cancel(l.reason)
		return ctx, func() {}
	}
	if len(l.contexts) >= 8 && len(l.contexts) == cap(l.contexts) {
		l.dropEnded()
	}
	d := &derived{ctx, cancel, len(l.contexts)}
	l.contexts = append(l.contexts, d)
	return ctx, func() {
		cancel(nil)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.drop(d)
	}
}

// dropEnded forgets the contexts that ended with their parents: the list grows only while
// most of its contexts live.
func (l *lease) dropEnded() {
	for i := len(l.contexts) - 1; i >= 0; i-- {
		if l.contexts[i].context.Err() != nil {
			l.drop(l.contexts[i])
		}
	}
}

// drop forgets a derived context, if the lease still has it.
func (l *lease) drop(d *derived) {
	if d.index < 0 {
		return
	}
	last := len(l.contexts) - 1
	l.contexts[d.index] = l.contexts[last]
	l.contexts[d.index].index = d.index
	l.contexts[last] = nil
	l.contexts = l.contexts[:last]
	d.index = -1
}

// notOurs reports whether the store said for certain that the lease is over.
func notOurs(err error) bool {
	return errors.Is(err, store.ErrLost) || errors.Is(err, store.ErrForeign)
}
