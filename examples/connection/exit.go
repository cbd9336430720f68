package main

import "errors"

const (
	exitOK     = 0
	exitServer = 1 // the server cannot be brought up
	exitUsage  = 2 // bad flags
)

// usageError is a flag that cannot work.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// exitCode is the exit code of a program that ended with err.
func exitCode(err error) int {
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, new(usageError)):
		return exitUsage
	}
	return exitServer
}
