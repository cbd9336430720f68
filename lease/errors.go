package lease

import (
	"errors"
	"fmt"
	"strings"

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

	// errNoAnswer is the answer to a write for which a store gave none.
	errNoAnswer = errors.New("the store gave fewer answers than there were writes")
)

// sound returns the error of a call to a store so that it can be relied on: one
// that wraps none of the contract's conditions says nothing of what happened, and
// becomes [store.ErrInDoubt].
func sound(op, key string, err error) error {
	if err == nil {
		return nil
	}
	for _, condition := range conditions {
		if errors.Is(err, condition) {
			return err
		}
	}
	return &store.Error{Op: op, Key: key, Condition: store.ErrInDoubt, Err: err}
}

var conditions = []error{
	store.ErrHeld, store.ErrLost, store.ErrForeign, store.ErrUnavailable, store.ErrInDoubt, store.ErrNotFound,
	store.ErrEnded, store.ErrStale, store.ErrClosed, store.ErrInvalid,
}

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

// CloseError is what [Keeper.Close] could not do, in counts. It unwraps to its examples.
type CloseError struct {
	Leases    int // released by Close
	Failed    int // of them: their records are left to their TTL
	Callbacks int // that had not returned
	Panics    int // of OnRenew and OnLoss in the keeper's life; each has been logged
	// Examples has the errors of some deletes, of each condition one at least.
	Examples []error

	last map[*lease]error // of the leases that are being deleted
}

const maxExamples = 3

// fail counts a record that was not deleted.
func (e *CloseError) fail(err error) {
	e.Failed++
	if len(e.Examples) < maxExamples {
		e.Examples = append(e.Examples, err)
		return
	}
	for _, condition := range conditions {
		if errors.Is(err, condition) && !errors.Is(e, condition) {
			e.Examples = append(e.Examples, err)
			return
		}
	}
}

func (e *CloseError) Error() string {
	var parts []string
	if e.Failed > 0 {
		s := fmt.Sprintf("%d of %d leases not released, their records are left to expire", e.Failed, e.Leases)
		for i, example := range e.Examples {
			s += []string{": ", "; "}[min(i, 1)] + example.Error()
		}
		parts = append(parts, s)
	}
	if e.Callbacks > 0 {
		parts = append(parts, fmt.Sprintf("callbacks still running: %d", e.Callbacks))
	}
	if e.Panics > 0 {
		parts = append(parts, fmt.Sprintf("panics in OnRenew and OnLoss: %d", e.Panics))
	}
	return "close keeper: " + strings.Join(parts, "; ")
}

// Unwrap returns the examples.
func (e *CloseError) Unwrap() []error { return e.Examples }
