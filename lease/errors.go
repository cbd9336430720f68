package lease

import (
	"errors"
	"fmt"
	"strings"

	"github.com/leasehold-go/leasehold/store"
)

var (
	// ErrReleased is the reason for the end of a lease that its holder released. [Lease.Err]
	// wraps it in an error that names the key.
	ErrReleased = errors.New("lease released")
	// ErrExpired is the cause of a loss without an answer of the store: the trust window
	// ended before a renew was confirmed.
	ErrExpired = errors.New("trust window ended before a renew was confirmed")
	// ErrUnhealthy is the cause of a loss, with the error of [Lease.SetHealth]: the trust window
	// of a lease ended that was not renewed because its holder was not healthy.
	ErrUnhealthy = errors.New("its holder is not healthy, so it was not renewed")
	// ErrClosed is the error of Acquire on a [Keeper] that has been closed.
	ErrClosed = errors.New("keeper closed")
	// ErrLate is why a heartbeat carries no value: its callback did not return in time.
	ErrLate = errors.New("callback did not return in time")

	// errNoAnswer stands for a missing answer of a store to an item of a batch.
	errNoAnswer = errors.New("the store gave fewer answers than there were writes")
)

// sound turns an error that the store contract does not define into [store.ErrInDoubt], and
// returns every other error unchanged.
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
	store.ErrExpired, store.ErrFull,
}

// LostError is the reason for the end of a lease that was lost. It unwraps to [store.ErrLost]
// and to its cause.
type LostError struct {
	Key   string
	Token store.Token
	// Cause is [ErrExpired], wrapped with the error of the last renew if there was one,
	// [ErrUnhealthy], wrapped with the error of [Lease.SetHealth], or the answer of the store:
	// [store.ErrLost] for a record that is gone or another's,
	// *[store.ForeignError] for a record that another program overwrote.
	Cause error
	// Deleted says that the store answered that a Delete ended this lease, as a forced release
	// does. A store that does not remember that says that the record is gone, or that another
	// lease has the key, as after a forced release that hands it to a waiter.
	Deleted bool
}

func (e *LostError) Error() string {
	why := e.Cause
	if answer, ok := why.(*store.Error); ok && answer.Condition == store.ErrLost && answer.Err != nil {
		why = answer.Err // the rest has been said
	}
	return fmt.Sprintf("lease on %q (token %d) lost: %v", e.Key, e.Token, why)
}

// Reason is the cause of the loss in a word, for the label of a metric: "expired" without an answer
// of the store, "unhealthy", "deleted", "foreign", and "lost" for a record that is gone or another's.
func (e *LostError) Reason() string {
	switch {
	case e.Deleted:
		return "deleted"
	case errors.Is(e.Cause, ErrUnhealthy):
		return "unhealthy"
	case errors.Is(e.Cause, ErrExpired):
		return "expired"
	case errors.Is(e.Cause, store.ErrForeign):
		return "foreign"
	}
	return "lost"
}

// Unwrap returns [store.ErrLost] and the cause.
func (e *LostError) Unwrap() []error { return []error{store.ErrLost, e.Cause} }

// releasedError is the reason for the end of a lease that its holder released.
type releasedError lease

func (e *releasedError) Error() string {
	return fmt.Sprintf("lease on %q (token %d) released", e.key, e.token)
}

// Unwrap returns [ErrReleased].
func (e *releasedError) Unwrap() error { return ErrReleased }

// WaitError is the end of a wait for a key before Acquire had it. It unwraps to the cause, and
// not to [store.ErrHeld]: that another holds the key is no failure of a call that waits.
type WaitError struct {
	Cause error            // the end of the context with its cause, or [ErrClosed]
	Held  *store.HeldError // the last known record under the key
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("wait for a key ended: %v; %v", e.Cause, e.Held)
}

// Unwrap returns the cause.
func (e *WaitError) Unwrap() error { return e.Cause }

// PanicError is a panic in a callback of a keeper.
type PanicError struct {
	Callback string // encode, commit, OnRenew, OnAcquire, OnLoss or dropped (of WithLog)
	Value    any    // of the panic
	Stack    []byte // as of [debug.Stack]
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic in %s: %v", e.Callback, e.Value) }

// CloseError counts the leases, creates, callbacks and panics that [Keeper.Close] has to report.
// It unwraps to its examples.
type CloseError struct {
	Leases    int // released by Close
	Failed    int // of them: their records are left to their TTL
	Unsettled int // creates in doubt: the records that they made, if any, are left to their TTL
	Callbacks int // that had not returned
	Panics    int // of OnRenew, OnAcquire, OnLoss and the functions of [WithLog] in the keeper's life; each has been logged
	// Examples has the errors of some deletes, at least one of each condition.
	Examples []error
}

const maxExamples = 3

// fail counts a record that was not deleted.
func (e *CloseError) fail(err error) {
	e.Failed++
	e.example(err)
}

// example keeps an error if it is one of the first, or of another condition than they.
func (e *CloseError) example(err error) {
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
		parts = append(parts, fmt.Sprintf("%d of %d leases not released, their records are left to expire", e.Failed, e.Leases))
	}
	if e.Unsettled > 0 {
		parts = append(parts, fmt.Sprintf("%d creates in doubt not settled, their records are left to expire", e.Unsettled))
	}
	if len(parts) > 0 {
		for i, example := range e.Examples {
			parts[len(parts)-1] += []string{": ", "; "}[min(i, 1)] + example.Error()
		}
	}
	if e.Callbacks > 0 {
		parts = append(parts, fmt.Sprintf("callbacks still running: %d", e.Callbacks))
	}
	if e.Panics > 0 {
		parts = append(parts, fmt.Sprintf("panics in callbacks: %d", e.Panics))
	}
	return "close keeper: " + strings.Join(parts, "; ")
}

// Unwrap returns the examples.
func (e *CloseError) Unwrap() []error { return e.Examples }

// forKey names the key in the error of an argument.
func forKey(key string, err error) error {
	if invalid := new(store.InvalidError); errors.As(err, &invalid) {
		invalid.Key = key
	}
	return err
}
