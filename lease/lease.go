package lease

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Lease is one term: an uninterrupted holding of a key. Its methods may be
// called from any number of goroutines.
type Lease interface {
	// Key is the name of the resource that is held.
	Key() string

	// Token is the term's fencing token. Hand it to whatever is written to
	// while the lease is held, so that it can refuse what comes late.
	Token() store.Token

	// Valid reports whether the term may be trusted at this moment. It compares
	// the clocks on every call. Once it has been false it is never true again.
	Valid() bool

	// Update replaces the record's value; it is Write with a value at hand and
	// nothing to commit.
	Update(ctx context.Context, value []byte) error

	// Write replaces the record's value. The writes of a term are serialised:
	// nothing else of this term is written, a heartbeat included, from the
	// moment that w.Encode is called until w.Commit has returned.
	//
	// It fails with *[LostError] or [ErrReleased] once the term has ended, with
	// [store.ErrUnavailable] if nothing happened, with [store.ErrInDoubt] if the
	// value may or may not have been written, and with what Encode returned. A
	// write in doubt is settled, by writing the last confirmed value again,
	// before the next one is sent; while that cannot be done the next one fails
	// with [store.ErrUnavailable].
	Write(ctx context.Context, w Write) error

	// Release ends the term and deletes the record if it is still this term's.
	// It works after ctx has been cancelled, for at most a few seconds, and may
	// be called again. An error means that the record is left to its ttl; the
	// term has ended all the same. A term that was lost is left as it is.
	Release(ctx context.Context) error

	// Done is closed the moment the term can no longer be trusted: when it is
	// released, taken away, or its trust window has ended.
	Done() <-chan struct{}

	// Err is nil until Done is closed; then it is *[LostError] or [ErrReleased].
	Err() error

	// Context derives from parent a context that ends when the term does, with
	// Err as its cause.
	Context(parent context.Context) (context.Context, context.CancelFunc)
}

// Write is one write of a term.
type Write struct {
	// Encode makes the value when it is this write's turn, from what is true
	// then. The bytes must not change afterwards. An error is returned as it is,
	// and nothing is written.
	Encode func() ([]byte, error)
	// Commit runs once, when the store has confirmed the value, before any
	// other write of the term can be prepared and before Write returns nil; and
	// not at all if Write returns an error. It may be nil. It must not write to
	// the same lease.
	Commit func()
}
