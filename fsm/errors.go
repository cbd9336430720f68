package fsm

import (
	"errors"
	"fmt"
	"strings"
)

// The conditions that are the machine's own. Compare with [errors.Is].
var (
	// ErrInvalidTransition: the step is not in the table.
	ErrInvalidTransition = errors.New("not in the table")
	// ErrUnknownEvent: no rule of the definition is for the event.
	ErrUnknownEvent = errors.New("unknown event")
	// ErrUnhandled: there are rules for the event, but not in the present state.
	ErrUnhandled = errors.New("not handled")
	// ErrVetoed: guards or a before hook refused. Every such error is one, of a
	// transition as of an event.
	ErrVetoed = errors.New("vetoed")
	// ErrAborted: user code panicked or ended its goroutine, or a queued change
	// was dropped because of that.
	ErrAborted = errors.New("user code did not return")
	// ErrReentrant: a guard or hook asked to change the machine that runs it.
	ErrReentrant = errors.New("called from a guard or hook of the same machine")
	// ErrQueueFull: too many changes wait for the one in progress: see [WithQueue].
	ErrQueueFull = errors.New("queue is full")
	// ErrSlowSubscriber: a subscriber was too slow for its buffer.
	ErrSlowSubscriber = errors.New("subscriber fell behind")
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
	Permitted []S
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
	case e.Phase == PhaseTable && len(e.Permitted) == 0:
		return fmt.Sprintf("%s is %v; %v is final", edge, e.Err, e.From)
	case e.Phase == PhaseTable:
		return fmt.Sprintf("%s is %v; from %v: %s", edge, e.Err, e.From, names(e.Permitted))
	case e.Moved:
		return fmt.Sprintf("%s moved, but %s", edge, strings.ReplaceAll(e.Err.Error(), "\n", "; "))
	}
	return fmt.Sprintf("%s: %v", edge, e.Err)
}

// Unwrap returns Err.
func (e *TransitionError[S]) Unwrap() error { return e.Err }

// Is makes a refusal by a guard or a before hook an [ErrVetoed].
func (e *TransitionError[S]) Is(target error) bool {
	return target == ErrVetoed && (e.Phase == PhaseGuard || e.Phase == PhaseBefore)
}

// EventError says why an event failed, and what would have been possible.
type EventError[S comparable] struct {
	Event string
	State S // the one in which it was fired
	// Allowed are the names of the events that have a rule in State, in the order
	// of the definition. It is shared: it must not be changed.
	Permitted []string
	// Err wraps [ErrUnknownEvent], [ErrUnhandled], or [ErrVetoed] with the
	// *[GuardError] of each candidate; or what [Choose] failed with; or what the
	// context, the machine or the term refused it with. Once there is a target it
	// is a *[TransitionError], which says whether the machine moved.
	Err error
}

func (e *EventError[S]) Error() string {
	message := fmt.Sprintf("event %q in %v: %v", e.Event, e.State, e.Err)
	if e.Err != ErrUnknownEvent && e.Err != ErrUnhandled {
		return message
	}
	if len(e.Permitted) == 0 {
		return message + "; no event is possible"
	}
	return message + "; possible: " + strings.Join(e.Permitted, ", ")
}

// Unwrap returns Err.
func (e *EventError[S]) Unwrap() error { return e.Err }

// SnapshotError says everything that is wrong with a snapshot.
type SnapshotError struct {
	// Problems are sentences, in the order in which a snapshot is read.
	Problems []string
}

func (e *SnapshotError) Error() string { return "bad snapshot: " + strings.Join(e.Problems, "; ") }

// refusals is a veto by at least one guard, each of another candidate.
type refusals []error

func (r refusals) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return ErrVetoed.Error() + ": " + strings.Join(texts, "; ")
}

// Unwrap returns the veto and each guard's refusal.
func (r refusals) Unwrap() []error { return append([]error{ErrVetoed}, r...) }

// GuardError says which guard refused a transition. It unwraps to what the
// guard returned.
type GuardError struct {
	Name string
	Err  error
}

func (e *GuardError) Error() string { return fmt.Sprintf("guard %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *GuardError) Unwrap() error { return e.Err }
