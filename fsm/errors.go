package fsm

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Conditions of the machine itself. Compare with [errors.Is].
var (
	// ErrInvalidTransition: the table has no such edge.
	ErrInvalidTransition = errors.New("not in the table")
	// ErrUnknownState: the table has no such state, or no machine can be in it.
	ErrUnknownState = errors.New("unknown state")
	// ErrUnknownEvent: the definition has no rule for the event.
	ErrUnknownEvent = errors.New("unknown event")
	// ErrUnhandled: the definition has rules for the event, but none for the
	// present state.
	ErrUnhandled = errors.New("not handled")
	// ErrVetoed: guards or a before hook refused. Errors of transitions and of
	// events match it.
	ErrVetoed = errors.New("vetoed")
	// ErrAborted: user code panicked or ended its goroutine, or a queued change
	// was dropped because of that.
	ErrAborted = errors.New("user code did not return")
	// ErrReentrant: a guard or hook called for a change of the machine that runs it.
	ErrReentrant = errors.New("called from a guard or hook of the same machine")
	// ErrTurnTimeout: a call without a deadline waited for its turn while one
	// change was under way for a minute.
	ErrTurnTimeout = errors.New("another change is under way for too long")
	// ErrQueueFull: the queue of [WithQueue] has no room.
	ErrQueueFull = errors.New("queue is full")
	// ErrSlowSubscriber: a subscriber did not keep up and its buffer was full.
	ErrSlowSubscriber = errors.New("subscriber fell behind")
	// ErrNotStarted: the machine waits for [Machine.Start].
	ErrNotStarted = errors.New("machine not started: call Start")
	// ErrStarted: [Machine.Start] was called before, or the machine was made without
	// [WithManualStart].
	ErrStarted = errors.New("machine started already")
	// ErrClosed: the machine was closed.
	ErrClosed = errors.New("machine closed")
	// ErrAttached: the machine's writer still works, so the machine stays on it.
	ErrAttached = errors.New("writer has not ended")
	// ErrConflict: a [Writer] found that another process has written since. A
	// Writer wraps it; the machine is stale and has to be restored.
	ErrConflict = errors.New("written by another since")
)

// TransitionError gives the reason of a failed transition, its point in the order of
// [Machine.Transition], and whether the machine moved all the same.
type TransitionError[S comparable] struct {
	From, To S
	// Permitted lists the targets of From, in the order of the table. It is empty for a final state. It is shared: do not change it.
	Permitted []S
	// Phase is the point that was reached; after the commit, the point of the
	// first hook that failed.
	Phase Phase
	// Moved reports that the machine is in To and that only hooks failed.
	Moved bool
	// Err is the reason. It wraps a condition of this package, a *[GuardError], the errors
	// of hooks (joined, after the commit), the error of the context, or that of the
	// [Writer].
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

// Is makes a refusal by a guard or a before hook match [ErrVetoed].
func (e *TransitionError[S]) Is(target error) bool {
	return target == ErrVetoed && (e.Phase == PhaseGuard || e.Phase == PhaseBefore)
}

// EventError says why an event failed, and which events are permitted.
type EventError[S comparable] struct {
	Event string
	State S // in which the event was fired
	// Permitted lists the names of the events that have a rule in State and are not ignored
	// there, in the order of the definition. It is shared: do not change it.
	Permitted []string
	Phase     Phase // PhaseTable without a rule for the event, PhaseGuard if no rule would have it
	// Err wraps [ErrUnknownEvent], [ErrUnhandled], or [ErrVetoed] with the
	// *[GuardError] of each candidate; or the error of a [Choose] function, of the
	// context, of the machine or of its writer. Once the event has a target it is a
	// *[TransitionError].
	Err error
}

func (e *EventError[S]) Error() string {
	message := fmt.Sprintf("event %q in %v: %v", e.Event, e.State, e.Err)
	if !errors.Is(e.Err, ErrUnknownEvent) && e.Err != ErrUnhandled {
		return message
	}
	if len(e.Permitted) == 0 {
		return message + "; no event is possible"
	}
	return message + "; possible: " + strings.Join(e.Permitted, ", ")
}

// Unwrap returns Err.
func (e *EventError[S]) Unwrap() error { return e.Err }

// Outcome is the result of a change in a word, for the label of a metric: "ok" for nil; "hook" if
// hooks failed that run once the change is decided; otherwise the [Phase] of the refusal, "turn",
// "ended", "table", "guard", "before" or "write"; "aborted" for [ErrAborted]; and "error" for an
// error that no machine makes, such as that of an [OnUnhandled] hook.
func Outcome(err error) string {
	switch err {
	case nil:
		return "ok"
	case ErrAborted:
		return "aborted"
	}
	failed, ok := errors.AsType[interface {
		error
		phase() Phase
	}](err)
	switch {
	case !ok:
		return "error"
	case failed.phase() >= PhaseExit:
		return "hook"
	}
	return failed.phase().String()
}

func (e *TransitionError[S]) phase() Phase { return e.Phase }
func (e *EventError[S]) phase() Phase      { return e.Phase }

// GuardError says which guard refused. It unwraps to the guard's own error.
type GuardError struct {
	Name string
	Err  error
}

func (e *GuardError) Error() string { return fmt.Sprintf("guard %q: %v", e.Name, e.Err) }

// Unwrap returns Err.
func (e *GuardError) Unwrap() error { return e.Err }

// refusals are the vetoes of an event's candidates, one guard each.
type refusals []error

func (r refusals) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return ErrVetoed.Error() + ": " + strings.Join(texts, "; ")
}

// Unwrap returns [ErrVetoed] and the refusal of each guard.
func (r refusals) Unwrap() []error { return append([]error{ErrVetoed}, r...) }

// OptionError says everything that is wrong with the options of a machine, or with
// how they go together with its definition.
type OptionError struct {
	// Problems are sentences, in the order of the checks.
	Problems []string
}

func (e *OptionError) Error() string { return "bad options: " + strings.Join(e.Problems, "; ") }

// SnapshotError says everything that is wrong with a snapshot.
type SnapshotError struct {
	// Problems are sentences, in the order of the snapshot's fields.
	Problems []string
}

func (e *SnapshotError) Error() string { return "bad snapshot: " + strings.Join(e.Problems, "; ") }

// DefinitionError says everything that is wrong with a definition.
type DefinitionError struct {
	// Problems are sentences that name the states, sorted, without duplicates.
	Problems []string
}

func (e *DefinitionError) Error() string {
	return "bad definition: " + strings.Join(e.Problems, "; ")
}

// problems collects sentences for one of the errors above.
type problems []string

func (p *problems) add(format string, args ...any) {
	*p = append(*p, fmt.Sprintf(format, args...))
}

// label is the text of a state in errors, records and drawings.
func label[S comparable](s S) string {
	if v := reflect.ValueOf(s); v.Kind() == reflect.String && v.NumMethod() == 0 { // fmt takes longer
		return v.String()
	}
	return fmt.Sprint(s)
}

func labels[S comparable](states []S) []string {
	texts := make([]string, len(states))
	for i, s := range states {
		texts[i] = label(s)
	}
	return texts
}

// names is a list of states in a message.
func names[S comparable](states []S) string { return strings.Join(labels(states), ", ") }

// wrapped names the call that failed.
func wrapped(call string, err error) error { return fmt.Errorf("%s: %w", call, err) }
