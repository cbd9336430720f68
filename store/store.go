package store

import (
	"context"
	"iter"
	"time"
)

// Store holds records. Its methods may be called from any number of goroutines.
//
// Errors wrap exactly one of the package's conditions, or [ErrInvalid] for an
// argument that breaks a rule; an argument is refused before anything is sent.
// Every method that may block returns promptly once its context ends, whatever
// the client underneath does; a write whose reply had not come by then is
// [ErrInDoubt].
type Store interface {
	// Create puts a record under a key that has none and returns its token.
	//
	// It fails with *[HeldError] while a live record of another create is
	// there, with *[ForeignError] while anything else is, with [ErrEnded] when
	// the term of that nonce has already ended, and creates nothing then. The
	// same claim again, known by the nonce of the live record, has the answer of
	// the first time and restores the full ttl; it does not touch the value,
	// which may have been updated since.
	Create(ctx context.Context, claim Claim) (Grant, error)

	// Renew restarts, for each item of the batch, the ttl that was fixed at
	// create, and replaces the value where the item has one. The results are in
	// the order of the batch, as many as there are items. An item that fails does
	// not fail another.
	//
	// An item fails with [ErrLost], *[ForeignError] or [ErrStale].
	Renew(ctx context.Context, batch []Renewal) []RenewResult

	// Update replaces the value and leaves the expiry where it is, to the
	// backend's precision. It never makes a record where there is none.
	//
	// It fails with [ErrLost], *[ForeignError] or [ErrStale].
	Update(ctx context.Context, update Update) error

	// Delete ends a lease. It returns nil once no live record of that lease
	// exists, whoever ended it, and never touches a record of another lease or
	// of another program. A delete by nonce settles a create that is in doubt:
	// once it has returned nil, that create can have no effect any more.
	Delete(ctx context.Context, key string, ref LeaseRef) error

	// Get returns the live record under a key, or [ErrNotFound]. A value that
	// another program put there comes back as a record that is
	// [Record.Foreign].
	Get(ctx context.Context, key string) (Record, error)

	// List yields every live record whose key begins with prefix, in no
	// particular order, without walking the rest of the database. The prefix is
	// literal, and empty means all. Foreign records are among them as far as
	// the backend knows of them. An error is the last thing that it yields.
	List(ctx context.Context, prefix string) iter.Seq2[Record, error]

	// Watch yields the records under a prefix as they are, each as an [EventPut],
	// then one [EventSynced], then changes as they come, until the loop is left or
	// the context ends. It reports states, not writes: a reader that is slower
	// than the writers sees the newest value of a key and may miss one between.
	//
	// Where the backend can have missed something it says [EventResync], then what
	// differs, then [EventSynced] again; so whoever applies each put and each gone
	// in order holds what List would yield. It never ends silently: the last
	// thing that it yields is an error, which is the context's own when that
	// has ended. Trouble with the store after the first EventSynced does not end it;
	// it resyncs when the store is back.
	Watch(ctx context.Context, prefix string) iter.Seq2[Event, error]
}

// Claim asks for a key.
type Claim struct {
	Key   string        // see [CheckKey]
	Value []byte        // see [CheckValue]
	TTL   time.Duration // time to live, fixed for the term; at least the backend's smallest
	Nonce Nonce         // names this attempt; the same for a repeated try, never the zero nonce
}

// Grant is what a successful create gives.
type Grant struct {
	Token Token
	// Until is the earliest local instant at which the store may drop the
	// record, counted from before the request was sent.
	Until time.Time
}

// Renewal is one item of a [Store.Renew] batch: it restarts the ttl of a record.
// With a value it also replaces the record's value.
type Renewal struct {
	Key   string
	Token Token
	Seq   uint64 // as in [Update]; not looked at without a value
	Value []byte // see [CheckValue]; empty to leave the value as it is
}

// Update is the argument of [Store.Update]: it replaces the value of a record and
// leaves its expiry where it is.
type Update struct {
	Key   string
	Token Token
	// Seq numbers the values written in a lease, by renewals and updates alike,
	// from 1. A value with a smaller number than the last one that arrived is
	// refused with [ErrStale]; one with the same number is the same write come twice.
	Seq   uint64
	Value []byte // see [CheckValue]; required
}

// RenewResult is the answer to one [Renewal].
type RenewResult struct {
	Until time.Time // as in [Grant]; zero with an error
	Err   error
}

// LeaseRef names a lease of a key: by its token, or by the nonce of its create while
// the token is not known because that create is in doubt. Exactly one is set.
type LeaseRef struct {
	Token Token
	Nonce Nonce
}

// ByToken refers to the lease that has token t.
func ByToken(t Token) LeaseRef { return LeaseRef{Token: t} }

// ByNonce refers to the lease, if there is one, that a create with nonce n began.
func ByNonce(n Nonce) LeaseRef { return LeaseRef{Nonce: n} }
