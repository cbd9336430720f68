package lease

import (
	"errors"
	"fmt"

	"github.com/leasehold-go/leasehold/store"
)

var (
	// ErrReleased ends a term that its holder gave back.
	ErrReleased = errors.New("lease released")
	// ErrExpired is the cause of a loss that no store has stated: the trust
	// window ended before a renew was confirmed.
	ErrExpired = errors.New("trust window ended before a renew was confirmed")
	// ErrClosed is returned by a [Keeper] that has been closed.
	ErrClosed = errors.New("keeper closed")
)

// LostError says why a term ended against its holder's will. It unwraps to
// [store.ErrLost] and to its cause.
type LostError struct {
	Key   string
	Token store.Token
	// Cause is [ErrExpired], wrapped with the last renew's error if there was
	// one, or what the store said: [store.ErrLost] for a record that is gone or
	// another's, *[store.ForeignError] for one that another program overwrote.
	Cause error
}

func (e *LostError) Error() string {
	return fmt.Sprintf("lease on %q (token %d) lost: %v", e.Key, e.Token, e.Cause)
}

// Unwrap returns [store.ErrLost] and the cause.
func (e *LostError) Unwrap() []error { return []error{store.ErrLost, e.Cause} }
