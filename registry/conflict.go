package registry

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// ConflictError names the holder of a key; facts that its record does not have are zero. It
// unwraps to *[store.HeldError].
type ConflictError struct {
	Identity
	Key   string
	Token store.Token
	Left  time.Duration // from the store's answer until the record expires, unless it is renewed; does not count down
	err   error
}

// newConflictError names the holder of a record, which err says is in the way.
func newConflictError(r store.Record, err error) *ConflictError {
	p, _ := decodePart(r.Value)
	return &ConflictError{Identity: p.identity(), Key: r.Key, Token: r.Token, Left: r.Left, err: err}
}

// namingHolder returns the error of [lease.Keeper.Acquire] with the holder of the key, if another
// has it.
func namingHolder(err error) error {
	if wait := new(lease.WaitError); errors.As(err, &wait) {
		return &WaitError{newConflictError(wait.Held.Record, wait.Held), wait}
	}
	if held := new(store.HeldError); errors.As(err, &held) {
		return newConflictError(held.Record, err)
	}
	return err
}

// Error returns a text of the form
//
//	"exchange:1:status" is held by feed-1 on host-a (10.0.0.7) since 2026-11-21T10:00:00Z, 31s left
func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q is held", e.Key)
	if who := cmp.Or(e.Instance, e.Host); who != "" {
		fmt.Fprintf(&b, " by %s", who)
	}
	if e.Instance != "" && e.Host != "" {
		fmt.Fprintf(&b, " on %s", e.Host)
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

// Unwrap returns the error of [lease.Keeper.Acquire].
func (e *ConflictError) Unwrap() error { return e.err }

// WaitError is the end of a wait for a key, as [Config.Wait] asks for, before the key was free.
// It unwraps to *[lease.WaitError], and not to the conflict.
type WaitError struct {
	Holder *ConflictError // by the last known record
	err    *lease.WaitError
}

func (e *WaitError) Error() string {
	return fmt.Sprintf("wait for a key ended: %v; %v", e.err.Cause, e.Holder)
}

// Unwrap returns the error of [lease.Keeper.Acquire].
func (e *WaitError) Unwrap() error { return e.err }
