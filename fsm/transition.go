package fsm

import (
	"math"
	"time"
)

// Transition is one committed step of a machine, in its history; or the step under
// way, for guards and hooks.
type Transition[S comparable] struct {
	// Number counts the committed transitions of a machine, from 1, without gaps.
	// It is 0 for the hooks of an [Internal] rule or of [Machine.Start], and for [Finally] hooks of a change
	// that found no target. A change that was refused after it had found one has the
	// number that it would have had.
	Number uint64 `json:"number"`
	// From and To are leaves. To is the leaf that was entered, also if the caller
	// asked for a state around it.
	From S `json:"from"`
	To   S `json:"to"`
	// Event is the name of the event; empty for a transition that the caller asked
	// for by its target.
	Event string `json:"event,omitempty"`
	// At is when the change got its turn, in UTC. It is exact to a few nanoseconds,
	// except in the second after a step of the wall clock or a suspension, when it
	// can be off by as much as the clock moved.
	At    time.Time `json:"at"`
	Cause string    `json:"cause,omitempty"`
	// Forced reports that the transition went around the table: [Machine.Reset].
	Forced bool `json:"forced,omitempty"`
	// Start reports that the machine entered its initial state: [Machine.Start]. From and
	// To are that state.
	Start bool `json:"start,omitempty"`
}

// Phase is a point in the order of a transition; see [Machine.Transition]. A failure
// up to PhaseWrite leaves the machine where it was. (The hooks of an [Internal] rule
// leave it there in any phase.)
type Phase uint8

const (
	PhaseTurn   Phase = iota + 1 // waiting for its turn, or refused as reentrant or closed
	PhaseEnded                   // the writer had ended; see [Writer]
	PhaseTable                   // the table has no such edge
	PhaseGuard                   // a guard refused
	PhaseBefore                  // a before hook refused
	PhaseWrite                   // the value could not be encoded or written
	PhaseExit                    // moved; an exit hook failed
	PhaseEdge                    // moved; an edge hook or a Do failed
	PhaseEntry                   // moved; an entry hook failed
	PhaseAfter                   // moved; an after hook failed

	phaseFinally // finally hooks run; no error has it
)

var phases = [...]string{"invalid", "turn", "ended", "table", "guard", "before", "write", "exit", "edge", "entry", "after", "finally"}

// String returns the phase in lower case.
func (p Phase) String() string {
	if p >= phaseFinally {
		return phases[0]
	}
	return phases[p]
}

// moment is a time as machines keep it, in UTC and without a monotonic reading.
// Encoded values so do not depend on the time zone of the process.
func moment(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }

// Event numbers of changes without an event.
const (
	forced  = math.MaxUint16     // a reset
	entered = math.MaxUint16 - 1 // a start
)
