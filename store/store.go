package store

import (
	"context"
	"iter"
	"time"
)

// Store holds records in a backend. Its methods may be called from any number of
// goroutines.
//
// Every error wraps exactly one of the package's conditions. An argument that breaks a
// rule fails with [ErrInvalid] before the store sends anything. Every method that may
// block returns promptly once its context ends, whatever the client underneath does; a
// write without a reply by then fails with [ErrInDoubt].
type Store interface {
	// Create makes a record under a key that has none and returns its token.
	//
	// It fails with *[HeldError] while a live record of another create is under the key,
	// with *[ForeignError] while any other value is, and with [ErrEnded] if the lease of
	// the claim's nonce has already ended; it creates nothing then. A repeat of the
	// claim, recognised by the nonce of the live record, gets the first answer and
	// restores the full TTL. It does not touch the value, which may have been updated
	// since.
	Create(ctx context.Context, claim Claim) (Grant, error)

	// Renew restarts, for each item of the batch, the TTL that was fixed at create, and
	// replaces the value if the item has one. The results are in the order of the batch,
	// one for each item. An item that fails does not fail another.
	//
	// An item fails with [ErrLost], *[ForeignError] or [ErrStale].
	Renew(ctx context.Context, batch []Renewal) []RenewResult

	// Update replaces the value and does not move the expiry, to the backend's precision.
	// It never creates a record.
	//
	// It fails with [ErrLost], *[ForeignError] or [ErrStale].
	Update(ctx context.Context, update Update) error

	// Delete ends a lease. It returns nil once no live record of that lease exists,
	// however it ended, and never touches a record of another lease or of another
	// program. A delete by nonce settles a create in doubt: once it has returned nil,
	// that create can no longer have any effect. After a repeated create, delete the lease
	// by its nonce: an earlier copy of the create can still be on its way, and might
	// come after the store has forgotten a nonce that was not deleted.
	Delete(ctx context.Context, key string, ref LeaseRef) error

	// Get returns the live record under a key, or [ErrNotFound]. A value that another
	// program put there is returned as a [Record.Foreign] record.
	Get(ctx context.Context, key string) (Record, error)

	// List yields the live record of every key that begins with prefix, in no particular order,
	// without walking the rest of the database. The prefix is literal; the empty prefix
	// matches every key. Foreign records are among them as far as the backend knows of
	// them. If a client crashes during a create, its record may be missing for one TTL. An
	// error is the last item.
	List(ctx context.Context, prefix string) iter.Seq2[Record, error]

	// Watch yields each record under a prefix as an [EventPut], then one [EventSynced],
	// then changes as they come, until the loop is left or the context ends. It reports
	// states, not writes: a reader that is slower than the writers gets the newest value
	// of a key and may miss earlier ones.
	//
	// If the backend may have missed a change, it yields [EventResync], then the
	// differences, then [EventSynced] again. A reader that applies each put and each gone
	// in order therefore holds the records that List would yield.
	//
	// A watch never ends silently: its last item is an error, which is the context's own
	// if the context has ended. A failure of the store after the first EventSynced does
	// not end the watch; it resyncs when the store is back.
	Watch(ctx context.Context, prefix string) iter.Seq2[Event, error]

	// WatchKey is Watch for one key: its record, if there is one, then EventSynced, then its
	// changes. It costs the store one key, however many others begin with the same characters.
	// A record that came and went between two events is told of too: by an [EventGone] of the
	// record before it, or by [EventResync] and [EventSynced] alone. So a caller that met that
	// record hears that the key is free.
	WatchKey(ctx context.Context, key string) iter.Seq2[Event, error]
}

// Claim is the argument of [Store.Create].
type Claim struct {
	Key   string        // see [CheckKey]
	Value []byte        // see [CheckValue]
	TTL   time.Duration // fixed for the lease; at least the backend's minimum
	Nonce Nonce         // identifies this attempt; the same for a repeat, never zero
}

// Grant is the result of a successful create.
type Grant struct {
	Token Token
	// Until is the earliest local instant of an expiry of the record, counted from
	// before the request was sent.
	Until time.Time
}

// Renewal is one item of a [Store.Renew] batch: it restarts the TTL of a record. With a
// value it also replaces the record's value.
type Renewal struct {
	Key   string
	Token Token
	Seq   uint64 // as in [Update]; ignored without a value
	Value []byte // see [CheckValue]; empty to keep the value
}

// Update is the argument of [Store.Update]: it replaces the value of a record and does
// not move its expiry.
type Update struct {
	Key   string
	Token Token
	// Seq numbers the values written in a lease, by renewals and updates alike, from 1. A
	// value with a smaller number than the last one that arrived is refused with
	// [ErrStale]; a value with the same number is a repeat of that write.
	Seq   uint64
	Value []byte // see [CheckValue]; required
}

// RenewResult is the answer to one [Renewal].
type RenewResult struct {
	Until time.Time // as in [Grant]; zero with an error
	Err   error
}

// LeaseRef names a lease of a key by its token, or by the nonce of its create while the
// create is in doubt and the token unknown. Exactly one of them is set.
type LeaseRef struct {
	Token Token
	Nonce Nonce
}

// ByToken refers to the lease that has token t.
func ByToken(t Token) LeaseRef { return LeaseRef{Token: t} }

// ByNonce refers to the lease, if any, that a create with nonce n began.
func ByNonce(n Nonce) LeaseRef { return LeaseRef{Nonce: n} }
