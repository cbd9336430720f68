package fsm

import (
	"errors"
	"fmt"
	"strings"
)

// The conditions that are the machine's own. Compare with [errors.Is].
var (
	// ErrInvalid: the step is not in the table.
	ErrInvalid = errors.New("not in the table")
	// ErrReentrant: a guard or hook asked to change the machine that runs it.
	ErrReentrant = errors.New("called from a guard or hook of the same machine")
	// ErrClosed: the machine was closed.
	ErrClosed = errors.New("machine closed")
	// ErrAttached: the machine's term is still good, so it may not leave it.
	ErrAttached = errors.New("the lease is still held")
)

// TransitionError says why a transition failed, at which point of the order
// given at [Machine.Transition], and whether the machine moved all the same.
type TransitionError[S comparable] struct {
	From, To S
	// Allowed is where From may lead, in the order of the table; empty for a
	// final state. It is shared: it must not be changed.
	Allowed []S
	// Phase is the point that was reached. After the commit it is the first
	// one at which a hook failed.
	Phase Phase
	// Moved says that the machine is in To, and only hooks failed.
	Moved bool
	// Err says by itself what happened. It wraps one of the package's
	// conditions, a *[GuardError], the error of a hook (of all that failed,
	// joined, after the commit), the context's, or that of the lease.
	Err error
}

func (e *TransitionError[S]) Error() string {
	edge := fmt.Sprintf("%v -> %v", e.From, e.To)
	switch {
	case e.Phase == PhaseTable && len(e.Allowed) == 0:
		return fmt.Sprintf("%s is %v; %v is final", edge, e.Err, e.From)
	case e.Phase == PhaseTable:
		return fmt.Sprintf("%s is %v; from %v: %s", edge, e.Err, e.From, names(e.Allowed))
	case e.Moved:
		return fmt.Sprintf("%s moved, but %s", edge, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
	}
	return fmt.Sprintf("%s: %v", edge, e.Err)
}

// Unwrap returns Err.
func (e *TransitionError[S]) Unwrap() error { return e.Err }

// GuardError says which guard refused a transition. It unwraps to what the
// guard returned.
type GuardError struct {
	Name string
	Err  error
}

func (e *GuardError) Error() string { return fmt.Sprintf("guard %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *GuardError) Unwrap() error { return e.Err }
