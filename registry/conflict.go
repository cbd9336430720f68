package registry

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/store"
)

// ConflictError says who holds a key. What its record does not tell is left zero.
// It unwraps to *[store.HeldError], and to the end of the context of a Register
// that waited.
type ConflictError struct {
	Identity
	Key   string
	Token store.Token
	Left  time.Duration // until the record is gone, unless it is renewed
	err   error
}

// conflict turns an error that tells of a holder into one that tells who it is.
func conflict(err error) error {
	held := new(store.HeldError)
	if !errors.As(err, &held) {
		return err
	}
	o, _ := decodeOwn(held.Record.Value)
	return &ConflictError{
		Identity: o.identity(),
		Key:      held.Record.Key,
		Token:    held.Record.Token,
		Left:     held.Record.Left,
		err:      err,
	}
}

// Error is of the form
//
//	"exchange:1:status" is held by host-a (10.0.0.7) since 2026-11-21T10:00:00Z, 31s left
func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q is held", e.Key)
	if e.Host != "" {
		fmt.Fprintf(&b, " by %s", e.Host)
	}
	if e.IP.IsValid() {
		fmt.Fprintf(&b, " (%v)", e.IP)
	}
	if !e.Registered.IsZero() {
		fmt.Fprintf(&b, " since %s", e.Registered.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, ", %s", store.Left(e.Left))
	return b.String()
}

// Unwrap returns the error that said so.
func (e *ConflictError) Unwrap() error { return e.err }
