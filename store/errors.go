package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The conditions of an [Error]. Compare with [errors.Is].
var (
	// ErrHeld: a live record of another lease is under the key.
	ErrHeld = errors.New("held")
	// ErrLost: the lease that the call named has ended.
	ErrLost = errors.New("lost")
	// ErrForeign: another program put a value under the key.
	ErrForeign = errors.New("foreign")
	// ErrUnavailable: the store could not be reached, or refused to serve; nothing
	// happened.
	ErrUnavailable = errors.New("store unavailable")
	// ErrInDoubt: the call may or may not have had its effect.
	ErrInDoubt = errors.New("outcome in doubt")
	// ErrNotFound: there is no live record under the key.
	ErrNotFound = errors.New("not found")
	// ErrEnded: the create is a repeat, and its lease has ended.
	ErrEnded = errors.New("lease of this create has ended")
	// ErrStale: a newer write of the same lease has already arrived.
	ErrStale = errors.New("a newer write of the lease has already arrived")
	// ErrFull: as many requests wait for the key as may.
	ErrFull = errors.New("too many requests are waiting")
	// ErrExpired: the deadline of the request has passed without an answer.
	ErrExpired = errors.New("the request has expired")
	// ErrClosed: the store was closed; nothing happened.
	ErrClosed = errors.New("store closed")
	// ErrInvalid: an argument breaks a rule; see [InvalidError].
	ErrInvalid = errors.New("invalid argument")
)

// ErrDenied is the cause of an [ErrUnavailable] for a user who lacks a right on the store, or is
// unknown to it.
var ErrDenied = errors.New("the user lacks a right")

// Error is the failure of one verb on one key. It unwraps to its condition and to its
// cause.
type Error struct {
	Op        string // the verb in lower case, e.g. "create"
	Key       string // the key, or the prefix of a list or a watch
	Condition error  // one of the package's conditions
	Err       error  // the cause reported by the backend; may be nil
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return fmt.Sprintf("%s %q: %v", e.Op, e.Key, e.Condition)
	case e.Condition == ErrUnavailable && errors.Is(e.Err, context.Canceled): // the store is not to blame
		return fmt.Sprintf("%s %q: %v", e.Op, e.Key, e.Err)
	}
	return fmt.Sprintf("%s %q: %v: %v", e.Op, e.Key, e.Condition, e.Err)
}

// Unwrap returns the condition and, if there is one, the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Condition}
	}
	return []error{e.Condition, e.Err}
}

// Lost returns the [ErrLost] of one verb on one key, for the backends. now is the token of the
// record that is under the key, or zero if there is none.
func Lost(op, key string, now Token) *Error {
	e := &Error{Op: op, Key: key, Condition: ErrLost, Err: errNoRecord}
	if now != 0 {
		e.Err = fmt.Errorf("another lease has the key (token %d)", now)
	}
	return e
}

// ErrDeleted is the cause of an [ErrLost] for a lease that a Delete ended, on a store that
// remembers it.
var ErrDeleted = errors.New("its record was deleted")

var errNoRecord = errors.New("there is no record: it was deleted, or expired")

// HeldError reports that a key is held, with the live record and its time left. It
// unwraps to [ErrHeld].
type HeldError struct {
	Record Record
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%q is held (token %d, %s)", e.Record.Key, e.Record.Token, Left(e.Record.Left))
}

// Unwrap returns [ErrHeld].
func (e *HeldError) Unwrap() error { return ErrHeld }

// ForeignError reports a value that another program put under a key. It unwraps to
// [ErrForeign].
type ForeignError struct {
	Record Record
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%q holds a value that another program put there (%s)", e.Record.Key, Left(e.Record.Left))
}

// Unwrap returns [ErrForeign].
func (e *ForeignError) Unwrap() error { return ErrForeign }

// InvalidError names an argument that breaks a rule. It unwraps to
// [ErrInvalid].
type InvalidError struct {
	Key  string // the key that the argument was given with; empty if there is none, or if it is the key that is invalid
	What string // the argument, e.g. "key"
	Got  string // the given argument, quoted and shortened; may be empty
	Rule string // the rule that it breaks
}

func (e *InvalidError) Error() string {
	what := e.What
	if e.Got != "" {
		what += " " + e.Got
	}
	if e.Key != "" {
		what += " for key " + quote(e.Key)
	}
	return fmt.Sprintf("invalid %s: %s", what, e.Rule)
}

// Unwrap returns [ErrInvalid].
func (e *InvalidError) Unwrap() error { return ErrInvalid }

// Left formats a time left as the package's messages do: "31s left", "800ms left", "no
// expiry".
func Left(d time.Duration) string {
	switch {
	case d == Forever:
		return "no expiry"
	case d < time.Second:
		return d.Round(time.Millisecond).String() + " left"
	default:
		return d.Round(time.Second).String() + " left"
	}
}
