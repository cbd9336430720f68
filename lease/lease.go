package lease

import (
	"context"

	"github.com/leasehold-go/leasehold/store"
)

// Lease is one uninterrupted holding of a key. Its methods may be
// called from any number of goroutines.
type Lease interface {
	// Key is the name of the resource.
	Key() string

	// Token is the fencing token of the lease. Pass it to the resources that the holder
	// writes to, so that they can refuse late writes.
	Token() store.Token

	// Valid reports whether the lease may be trusted at this moment. It compares the clocks
	// on every call. Once it has been false it is never true again.
	Valid() bool

	// Update replaces the record's value. It is Write without a commit.
	Update(ctx context.Context, value []byte) error

	// Write replaces the record's value with the result of encode, and calls commit once the
	// store has confirmed it. The writes of a lease are serialised: no other
	// write of the lease, heartbeats included, is prepared from the call of encode
	// until commit has returned.
	//
	// encode is called when it is this write's turn. Its bytes must not change
	// afterwards. If it fails, nothing is written and Write returns its error.
	//
	// commit runs once, before Write returns nil, and never if Write returns an
	// error. It may be nil. It must not write to the same lease.
	//
	// Write fails with *[LostError] or [ErrReleased] once the lease has ended, with
	// [store.ErrUnavailable] if nothing happened, and with [store.ErrInDoubt] if the
	// value may or may not have been written. A write in doubt is settled, by writing
	// the last confirmed value again, before encode of the next write is called;
	// while that cannot be done, Write fails with [store.ErrUnavailable].
	Write(ctx context.Context, encode func() ([]byte, error), commit func()) error

	// Release ends the lease and deletes its record. It works after ctx has been cancelled,
	// for five seconds at most, and may be called again. An error means that the record is
	// left to its TTL; the lease has ended all the same. A lost lease is left as it is.
	Release(ctx context.Context) error

	// Done is closed the moment the lease can no longer be trusted: when it is released,
	// taken away, or its trust window has ended. The contexts of the lease have ended by
	// then.
	Done() <-chan struct{}

	// Err is nil while the lease may be trusted, and *[LostError] or [ErrReleased]
	// afterwards. It compares the clocks as Valid does. Done is closed by the time
	// Err returns an error.
	Err() error

	// Context derives from parent a context that ends with the lease, with Err as its cause.
	// Like every derived context, it has to be cancelled when it is no longer needed.
	Context(parent context.Context) (context.Context, context.CancelFunc)
}
