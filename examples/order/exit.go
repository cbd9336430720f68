package main

import "errors"

const (
	exitOK      = 0
	exitRefused = 1 // the order is not in a state for that
	exitUsage   = 2 // bad flags or command
	exitFile    = 3 // the file is no order, or cannot be read or written
)

// usageError is a flag or a command that cannot work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode is the exit code of a program that ended with err. What was refused may
// have become known to the order and not to its file, so the file counts for more.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(fileError)):
		return exitFile
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitRefused
}
