package lease

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

var _ Lease = (*term)(nil)

// term implements [Lease]. Its context is its life: cancelled, with the reason as
// the cause, when the term ends.
type term struct {
	shard *shard
	key   string
	token store.Token
	beat  heartbeatValue

	life context.Context
	end  context.CancelCauseFunc

	mu     sync.Mutex
	window trust
	last   error     // of the last renew, if that failed
	due    time.Time // when to try the next renew, if not with the others
	asked  bool      // whether the next heartbeat is to have the turn once it is given back
	given  bool      // whether the turn is kept for the next heartbeat
	look   time.Time // when a heartbeat is or was due because of an alert

	mute bool // whether the last heartbeat had to go without its value; of the round under way

	turn  chan struct{} // full while a write of the term is under way, which alone may touch what follows
	seq   uint64
	value []byte // the last that the store confirmed
	doubt bool   // whether a later one may have been written

	releasing chan struct{} // full while a release is under way, which alone may touch what follows
	deleted   bool
}

func newTerm(s *shard, claim store.Claim, grant store.Grant, beat heartbeatValue) *term {
	t := &term{
		shard:     s,
		key:       claim.Key,
		token:     grant.Token,
		beat:      beat,
		window:    trustFor(grant.Until, claim.TTL),
		turn:      make(chan struct{}, 1),
		value:     claim.Value,
		releasing: make(chan struct{}, 1),
	}
	t.life, t.end = context.WithCancelCause(context.Background())
	return t
}

func (t *term) Key() string           { return t.key }
func (t *term) Token() store.Token    { return t.token }
func (t *term) Done() <-chan struct{} { return t.life.Done() }

func (t *term) Context(parent context.Context) (context.Context, context.CancelFunc) {
	return until(parent, t.life)
}

func (t *term) Valid() bool {
	return t.life.Err() == nil && !t.expired(time.Now())
}

func (t *term) Err() error {
	if t.Valid() {
		return nil
	}
	return context.Cause(t.life)
}

// expired ends the term if its window has ended.
func (t *term) expired(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.window.holds(now) {
		return false
	}
	cause := ErrExpired
	if t.last != nil {
		cause = fmt.Errorf("%w; the last renew said: %w", ErrExpired, t.last)
	}
	t.lose(cause)
	return true
}

// lose ends the term against its holder's will. It does nothing if the term has
// already ended.
func (t *term) lose(cause error) {
	if t.life.Err() == nil {
		t.end(&LostError{Key: t.key, Token: t.token, Cause: cause})
		t.shard.wake()
	}
}

// extend moves the window on, unless it ended before the renew was confirmed.
func (t *term) extend(until time.Time) {
	now := time.Now()
	if t.expired(now) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := trustFor(until, t.shard.keeper.cfg.TTL); w.left(now) > t.window.left(now) {
		t.window = w
	}
	t.last = nil
}

// postpone notes a renew that failed for a passing reason, and when to try again.
func (t *term) postpone(err error, again time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.due = err, again
}

// undue takes note that a renew is about to be sent. What asks for another from
// here on is not answered by this one.
func (t *term) undue() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = time.Time{}
}

// attention is when the term next needs its shard, given when the others do: its
// next renew, and the end of its window.
func (t *term) attention(now, others time.Time) (renew, end time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	renew = others
	if !t.due.IsZero() && t.due.Before(others) {
		renew = t.due
	}
	return renew, now.Add(t.window.left(now))
}

func (t *term) Update(ctx context.Context, value []byte) error {
	value = bytes.Clone(value)
	return t.Write(ctx, func() ([]byte, error) { return value, nil }, nil)
}

func (t *term) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	ctx, cancel := t.Context(ctx)
	defer cancel()
	if err := t.take(ctx); err != nil {
		return err
	}
	defer t.leave()
	if t.doubt {
		if err := t.put(ctx, t.value); err != nil {
			return t.unsettled(err)
		}
	}
	value, err := encode()
	if err != nil {
		return err
	}
	if err := t.put(ctx, value); err != nil {
		return err
	}
	if commit != nil {
		commit()
	}
	return nil
}

// take waits for the turn to write. A term that has ended has none.
func (t *term) take(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case t.turn <- struct{}{}:
		if t.Valid() && ctx.Err() == nil {
			return nil
		}
		t.give()
	}
	if err := t.Err(); err != nil {
		return err
	}
	return &store.Error{Op: "update", Key: t.key, Condition: store.ErrUnavailable, Err: context.Cause(ctx)}
}

func (t *term) tryTake() bool {
	select {
	case t.turn <- struct{}{}:
		return true
	default:
		return false
	}
}

// give gives the turn back, or keeps it for the next heartbeat if that asked.
func (t *term) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked {
		t.keepTurn()
		return
	}
	<-t.turn
}

// ask makes the next heartbeat have the turn: now if it is free, or else as soon as
// it is given back. Writers who wait for it too cannot keep it from the heartbeat
// by being many.
func (t *term) ask() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked = true; t.tryTake() {
		t.keepTurn()
	}
}

// keepTurn keeps a turn that is taken for the next heartbeat, and wants that at
// once. t.mu is the caller's.
func (t *term) keepTurn() {
	t.asked, t.given = false, true
	t.due = time.Now()
	t.shard.wake()
}

// handed takes over the turn that was kept for a heartbeat, if one was.
func (t *term) handed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	given := t.given
	t.given = false
	return given
}

// leave gives the turn back, and then sees to it that a write that is in doubt is
// settled. Not before: the heartbeat that is to do it needs the turn.
func (t *term) leave() {
	doubt := t.doubt
	t.give()
	if doubt {
		t.hurry()
	}
}

// put sends a value, unless the term ended while that was made. The turn is the
// caller's.
func (t *term) put(ctx context.Context, value []byte) error {
	if !t.Valid() {
		return t.Err()
	}
	t.seq++
	err := sound("update", t.key, t.shard.keeper.store.Update(ctx, store.Update{Key: t.key, Token: t.token, Seq: t.seq, Value: value}))
	switch {
	case err == nil:
		t.confirm(value)
	case notOurs(err):
		t.lose(err)
		return t.Err()
	case errors.Is(err, store.ErrInDoubt):
		t.doubt = true
	}
	return err
}

// confirm notes what the record's value now certainly is. The turn is the
// caller's.
func (t *term) confirm(value []byte) {
	t.value, t.doubt = value, false
}

// hurry asks for a heartbeat at once, which settles what is in doubt.
func (t *term) hurry() {
	t.mu.Lock()
	t.due = time.Now()
	t.mu.Unlock()
	t.shard.wake()
}

// alert asks for a heartbeat at once or, as alerts can be many and wrong, a moment after the
// last that one asked for. If one is due by itself that is soon enough.
func (t *term) alert() {
	t.mu.Lock()
	if t.due.IsZero() {
		t.look = later(time.Now(), t.look.Add(t.shard.keeper.cfg.Heartbeat/16))
		t.due = t.look
	}
	t.mu.Unlock()
	t.shard.wake()
}

// unsettled is the error of a write that was not sent, because an earlier one
// could not be settled.
func (t *term) unsettled(err error) error {
	if ended := t.Err(); ended != nil {
		return ended
	}
	return &store.Error{
		Op: "update", Key: t.key, Condition: store.ErrUnavailable,
		Err: errors.New("an earlier write is still in doubt: " + err.Error()),
	}
}

// notOurs reports whether the store said for certain that the term is over.
func notOurs(err error) bool {
	return errors.Is(err, store.ErrLost) || errors.Is(err, store.ErrForeign)
}

func (t *term) Release(ctx context.Context) error {
	ctx, cancel := grace(ctx)
	defer cancel()
	return t.release(ctx)
}

// release ends the term and deletes its record. A term that was lost, be it that
// nobody has looked yet, writes nothing any more.
func (t *term) release(ctx context.Context) error {
	if t.Valid() {
		t.end(ErrReleased)
	}
	if errors.Is(t.Err(), store.ErrLost) {
		return nil
	}
	defer t.shard.forget(t)   // last: until then Close waits for this release
	t.releasing <- struct{}{} // each before this one is bounded as this one is
	defer func() { <-t.releasing }()
	if t.deleted {
		return nil
	}
	err := t.shard.keeper.remove(ctx, t.key, store.ByToken(t.token))
	t.deleted = err == nil
	return err
}
