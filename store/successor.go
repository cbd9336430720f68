package store

import "context"

// Successor is implemented by a [Store] that hands keys over: a delete that ends a lease begins the
// lease of the claim that is next, in the same step. Nobody comes between the two, and the next holder
// does not have to ask for a key that it was told is free.
type Successor interface {
	// CreateNext is Create by a caller that waits for the key. If a lease holds it and no other
	// claim is next, this one is next for its TTL, and next is true with the *[HeldError]. A call with
	// the same claim does so for another TTL. The claim is next after that lease alone: if it ends in
	// another way than by a delete, a call with the same claim has to begin the lease, or to be next
	// after the lease of another. A claim whose lease has ended fails with [ErrEnded], also while another
	// holds the key.
	//
	// While the store runs a WatchKey of the key, handed is called, once and soon, with the grant of the
	// lease that a delete has begun; a call with the same claim gets it too. handed must not block. It is
	// not called any more once Withdraw or Delete by the nonce has returned, or CreateNext without an
	// error.
	//
	// A lease that is handed over has for its first time to live what was left of the claim's: one
	// that dies as the next holder keeps others waiting for as long as one that dies as the holder.
	// A store may refuse to have a claim next. A claim that gets no grant is withdrawn, or settled by
	// Delete, which it has to be if a call was in doubt.
	CreateNext(ctx context.Context, claim Claim, handed func(Grant)) (grant Grant, next bool, err error)

	// Withdraw ends a claim that is next, and the lease that it may have got, as Delete by nonce does.
	// But the store need not remember the nonce: every call with it must have been answered, none in
	// doubt, and none may follow.
	Withdraw(ctx context.Context, key string, nonce Nonce) error
}
