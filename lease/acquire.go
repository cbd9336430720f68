package lease

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

const (
	creates = 3                     // tries of a create in doubt before it is given up
	spin    = 10 * time.Millisecond // a wait that is shorter has not waited for anything
)

// Option changes how a key is acquired.
type Option func(*options)

type options struct {
	wait    bool
	reclaim func(store.Record) bool // nil for never
	value   func() ([]byte, error)
	beat    heartbeatValue
}

// heartbeatValue holds the arguments of [WithHeartbeatValue]. Without that option
// encode is nil.
type heartbeatValue struct {
	encode func(at time.Time) ([]byte, error)
	commit func()
}

// WithWait makes Acquire wait while another holds the key. It wakes when the store
// says that the key is free, or when the time has passed that the record had
// left, and does not poll. Once it waits, a store that cannot be reached for a
// while does not end the wait; only its context does.
func WithWait() Option {
	return func(o *options) { o.wait = true }
}

// WithReclaim makes Acquire take the key away from a record if allow says so, and
// then try once more. allow is asked of the record that stands in the way; while
// Acquire waits, each time that its time left has passed and a record is still
// there. The holder, should it live after all, learns of it at its next write.
func WithReclaim(allow func(store.Record) bool) Option {
	return func(o *options) { o.reclaim = allow }
}

// WithValueFunc makes the value anew for each create that is sent, in place of the
// value given to Acquire: a waiting Acquire may send its last create hours later. An
// error of encode ends Acquire and is returned as it is.
func WithValueFunc(encode func() ([]byte, error)) Option {
	return func(o *options) { o.value = encode }
}

// WithHeartbeatValue makes heartbeats carry a value, in the same request as the renew.
// For each, encode is called with the heartbeat's time; it may return no bytes and no
// error for a heartbeat without a value. Its bytes must not change afterwards. commit
// runs once the store has confirmed the value, before another write of the lease is
// prepared, and never otherwise; it may be nil.
//
// While another write of the lease is under way encode is not called, and the
// heartbeat carries no value. Another heartbeat, with a value, follows as soon as that
// write is over, before the next write. A value that cannot be encoded or sent is left
// out; see [RenewAttempt].
func WithHeartbeatValue(encode func(at time.Time) ([]byte, error), commit func()) Option {
	return func(o *options) { o.beat = heartbeatValue{encode, commit} }
}

// Acquire creates the record of a key, with a value, and returns the new term.
//
// It fails with *[store.HeldError] while another holds the key, unless it is told
// to ([WithWait]); with *[store.ForeignError] if another program put something there;
// with *[store.InvalidError] for a key or a value that breaks a rule; with
// [store.ErrUnavailable] if nothing happened, and with [store.ErrInDoubt] if the
// record may have been created. What is in doubt is settled in the background: a
// record that was created after all is deleted.
func (k *Keeper) Acquire(ctx context.Context, key string, value []byte, opts ...Option) (Lease, error) {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	if !k.enter() {
		return nil, ErrClosed
	}
	defer k.calls.Done()
	ctx, cancel := until(ctx, k.open)
	defer cancel()
	claim := store.Claim{Key: key, Value: bytes.Clone(value), TTL: k.cfg.TTL}
	t, err := k.claim(ctx, claim, o)
	if held := new(store.HeldError); o.wait && errors.As(err, &held) {
		t, err = k.await(ctx, claim, o, held)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// claim makes one term, once more if the record that stands in the way may be taken
// away.
func (k *Keeper) claim(ctx context.Context, claim store.Claim, o options) (*term, error) {
	t, err := k.create(ctx, claim, o)
	held := new(store.HeldError)
	if o.reclaim == nil || !errors.As(err, &held) || !o.reclaim(held.Record) {
		return t, err
	}
	if err := k.removeOnce(ctx, claim.Key, store.ByToken(held.Record.Token)); err != nil {
		return nil, err
	}
	return k.create(ctx, claim, o)
}

// create makes one term. A try in doubt is repeated with its own nonce, so that
// the store recognises it; one that stays in doubt is settled later.
func (k *Keeper) create(ctx context.Context, claim store.Claim, o options) (*term, error) {
	claim.Nonce = store.NewNonce()
	if o.value != nil {
		value, err := o.value()
		if err != nil {
			return nil, err
		}
		claim.Value = value
	}
	var doubt error // of the last try that was, if one was
	pauses := newBackoff(k.cfg.Heartbeat)
	for try := 1; ; try++ {
		grant, err := k.createOnce(ctx, claim)
		if err == nil {
			return k.begin(claim, grant, o)
		}
		if errors.Is(err, store.ErrInDoubt) {
			doubt = err
			if try < creates && pauses.sleep(ctx) {
				continue
			}
		}
		return nil, k.giveUp(claim, err, doubt)
	}
}

// giveUp returns the error of a create whose last try failed with err. If any try
// was in doubt, that the last did nothing says nothing of it.
func (k *Keeper) giveUp(claim store.Claim, err, doubt error) error {
	switch {
	case doubt == nil && k.open.Err() != nil:
		return ErrClosed
	case doubt == nil:
		return err
	}
	k.settle(claim)
	if errors.Is(err, store.ErrUnavailable) {
		return doubt
	}
	return err
}

func (k *Keeper) createOnce(ctx context.Context, claim store.Claim) (store.Grant, error) {
	ctx, cancel := context.WithTimeout(ctx, k.limit())
	defer cancel()
	grant, err := k.store.Create(ctx, claim)
	return grant, sound("create", claim.Key, err)
}

// begin starts a term, unless its window is over before it could: then the grant
// is as good as none.
func (k *Keeper) begin(claim store.Claim, grant store.Grant, o options) (*term, error) {
	s := k.shardOf(claim.Key)
	t := newTerm(s, claim, grant, o.beat)
	left := t.window.left(time.Now())
	if left > 0 && s.add(t) {
		if left <= k.cfg.Heartbeat {
			t.hurry() // the next round could come too late
		}
		return t, nil
	}
	k.settle(claim)
	if k.open.Err() != nil {
		return nil, ErrClosed
	}
	return nil, &store.Error{
		Op: "create", Key: claim.Key, Condition: store.ErrUnavailable,
		Err: errors.New("the answer came after the trust window had ended"),
	}
}

// settle deletes, in the background, what a create may have made. It gives up
// after the ttl: the record, if it was made, is gone by itself then.
func (k *Keeper) settle(claim store.Claim) {
	k.calls.Go(func() {
		ctx, cancel := context.WithTimeout(k.life, claim.TTL)
		defer cancel()
		_ = k.remove(ctx, claim.Key, store.ByNonce(claim.Nonce)) // nobody is left to tell
	})
}

// await tries again each time the record that stands in the way may be gone, and while it
// has no answer: a watch that cannot be had must not keep from a key that can.
func (k *Keeper) await(ctx context.Context, claim store.Claim, o options, held *store.HeldError) (*term, error) {
	pauses := newBackoff(k.cfg.Heartbeat)
	for answered := true; ; {
		var t *term
		var err error
		began, token := time.Now(), held.Record.Token
		if answered {
			err = k.untilGone(ctx, held.Record)
		}
		if err == nil || passing(err) {
			t, err = k.claim(ctx, claim, o)
			answered = !passing(err)
		}
		switch {
		case err == nil:
			return t, nil
		case ctx.Err() != nil:
			return nil, fmt.Errorf("waiting for the key: %w: %w", context.Cause(ctx), held)
		case errors.As(err, &held) && (held.Record.Token != token || time.Since(began) > spin):
			pauses.tries = 0
		case errors.Is(err, store.ErrHeld), passing(err):
			pauses.sleep(ctx) // the same one, at once: the watch is behind the record
		default:
			return nil, err
		}
	}
}

// untilGone returns once r may no longer be live: when the store says that it is
// gone or another's, or when its time left has passed.
func (k *Keeper) untilGone(ctx context.Context, r store.Record) error {
	limited, cancel := context.WithTimeout(ctx, r.Left)
	defer cancel()
	there := false
	for e, err := range k.store.WatchKey(limited, r.Key) {
		switch {
		case err != nil && ctx.Err() == nil && limited.Err() != nil:
			return nil
		case err != nil:
			return err
		case e.Record.Key == r.Key:
			if there = e.Kind == store.EventPut && e.Record.Token == r.Token; !there {
				return nil
			}
		case e.Kind == store.EventSynced && !there:
			return nil
		}
	}
	return nil
}

// until derives a context from ctx that also ends when end does, with its cause.
func until(ctx, end context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	if end.Err() != nil {
		cancel(context.Cause(end))
		return ctx, func() {}
	}
	stop := context.AfterFunc(end, func() { cancel(context.Cause(end)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}
