package lease

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// creates is how often a create in doubt is tried before it is given up.
const creates = 3

// Acquire creates the record of a key, with a value, and returns the new lease.
//
// It fails with *[store.HeldError] while another holds the key, unless it is told to wait
// ([WithWait]), and then with *[WaitError] if the wait is cut short; with
// *[store.ForeignError] if another program put a value there; with *[store.InvalidError] for
// a key or a value that breaks a rule; with [store.ErrUnavailable] if nothing happened, and
// with [store.ErrInDoubt] if the record may have been created. A create in doubt is settled in the background: its record
// is deleted if it exists.
func (k *Keeper) Acquire(ctx context.Context, key string, value []byte, opts ...Option) (Lease, error) {
	var o options
	if len(opts) > 0 { // or o would be allocated for nothing
		given := new(options)
		for _, opt := range opts {
			opt(given)
		}
		o = *given
	}
	if err := k.checkLog(key, o.log); err != nil {
		return nil, err
	}
	if !k.enter() {
		return nil, ErrClosed
	}
	defer k.calls.done()
	if k.acquired == nil {
		return k.acquire(ctx, key, value, o)
	}
	a := AcquireAttempt{Key: key, Waits: o.wait, At: time.Now()}
	l, err := k.acquire(ctx, key, value, o)
	if a.Duration, a.Err = time.Since(a.At), err; err == nil {
		a.Token = l.Token()
	}
	k.acquired.add(a)
	return l, err
}

// acquire makes a lease, after a wait if the options say so.
func (k *Keeper) acquire(ctx context.Context, key string, value []byte, o options) (Lease, error) {
	claim := store.Claim{Key: key, Value: bytes.Clone(value), TTL: k.cfg.TTL}
	if o.wait {
		return k.acquireOrWait(ctx, claim, o)
	}
	l, err := k.claim(ctx, claim, o)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// claim makes one lease. If the key is held by a record that may be deleted, it does so and
// tries once more.
func (k *Keeper) claim(ctx context.Context, claim store.Claim, o options) (*lease, error) {
	l, err := k.create(ctx, claim, o)
	if o.reclaim == nil {
		return l, err
	}
	if held := new(store.HeldError); errors.As(err, &held) && o.reclaim(held.Record) {
		return k.reclaim(ctx, claim, o, held.Record)
	}
	return l, err
}

// reclaim deletes the record of another holder and makes a lease.
func (k *Keeper) reclaim(ctx context.Context, claim store.Claim, o options, r store.Record) (*lease, error) {
	limited, cancel := until(ctx, k.open)
	defer cancel()
	if err := k.removeOnce(limited, claim.Key, store.ByToken(r.Token)); err != nil {
		return nil, err
	}
	return k.create(ctx, claim, o)
}

// create makes one lease. A try in doubt is repeated with its own nonce, so that
// the store recognises it; one that stays in doubt is settled later.
func (k *Keeper) create(ctx context.Context, claim store.Claim, o options) (*lease, error) {
	if o.next != nil {
		claim.Nonce = o.next.nonce
	} else {
		claim.Nonce = store.NewNonce()
	}
	if o.value != nil {
		value, err := o.value()
		if err != nil {
			return nil, err
		}
		claim.Value = value
	}
	var doubt error // of the last try that was, if one was
	pauses := newBackoff(k.cfg.Heartbeat)
	ends := 0 // of leases that the claim was handed
	for try := 1; ; try++ {
		grant, err := k.createOnce(ctx, claim, o.next)
		repeated := try > 1
		if passing(err) {
			if handed, ok := o.next.took(); ok {
				grant, repeated, err = handed, repeated || errors.Is(err, store.ErrInDoubt), nil
			}
		}
		if err == nil {
			return k.begin(claim, grant, repeated, o)
		}
		if errors.Is(err, store.ErrEnded) && o.next != nil && ends < creates {
			if doubt != nil { // a late copy of a try could find the end forgotten
				k.settler.settle(claim.Key, claim.Nonce)
			}
			o.next.renew() // it was handed a lease, which has ended
			claim.Nonce, doubt = o.next.nonce, nil
			ends, try = ends+1, 0 // no call with this nonce can have come before
			continue
		}
		if errors.Is(err, store.ErrInDoubt) {
			doubt = err
			if try < creates && pauses.sleep(ctx, k.open.Done()) {
				continue
			}
		}
		if doubt != nil {
			o.next.renew() // as it is settled
		}
		return nil, k.giveUp(claim, err, doubt)
	}
}

// giveUp returns the error of a create after a last try with err. If an earlier try is
// in doubt, the create is, even if the last try certainly did nothing.
func (k *Keeper) giveUp(claim store.Claim, err, doubt error) error {
	switch {
	case doubt == nil && k.open.Err() != nil:
		return ErrClosed
	case doubt == nil:
		return err
	}
	k.settler.settle(claim.Key, claim.Nonce)
	if errors.Is(err, store.ErrUnavailable) {
		err = doubt
	}
	if k.open.Err() != nil {
		return fmt.Errorf("%w: %w", ErrClosed, err)
	}
	return err
}

func (k *Keeper) createOnce(ctx context.Context, claim store.Claim, next *nextClaim) (grant store.Grant, err error) {
	limited := k.creating.Limit(ctx)
	defer limited.End()
	if next != nil {
		grant, err = next.create(limited, claim)
	} else {
		grant, err = k.store.Create(limited, claim)
	}
	return grant, sound("create", claim.Key, err)
}

// begin starts a lease, unless its window has already ended: the grant is then given back.
func (k *Keeper) begin(claim store.Claim, grant store.Grant, repeated bool, o options) (*lease, error) {
	l := newLease(k, claim, grant, o)
	if repeated {
		nonce := claim.Nonce // alone on the heap, not the claim
		l.nonce = &nonce
	}
	if now := time.Now(); l.left(now) > 0 && k.schedule.add(l, now) {
		if o.next != nil {
			o.next.stands = false // there is nothing to withdraw
		}
		return l, nil
	}
	o.next.renew()
	k.settler.settle(claim.Key, claim.Nonce)
	if k.open.Err() != nil {
		return nil, ErrClosed
	}
	return nil, &store.Error{
		Op: "create", Key: claim.Key, Condition: store.ErrUnavailable,
		Err: errors.New("the answer came after the trust window had ended"),
	}
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
