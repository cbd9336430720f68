package main

import (
	"errors"

	"github.com/leasehold-go/leasehold/store"
)

const (
	exitOK       = 0
	exitStore    = 1 // the store cannot be reached, or refuses
	exitUsage    = 2 // bad flags or feed
	exitConflict = 3 // another holds the key
	exitLost     = 4 // the lease was lost while running
)

// usageError is a flag or a feed that cannot work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode is the exit code of a program that ended with err.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, store.ErrLost):
		return exitLost
	case isConflict(err):
		return exitConflict
	case errors.As(err, new(usageError)), errors.Is(err, store.ErrInvalid):
		return exitUsage
	}
	return exitStore
}
