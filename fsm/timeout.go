package fsm

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Timeout moves a machine to another state once it has been in a state for a time. The
// move is a [Machine.Transition] like that of a caller, in all of its order: it waits for
// its turn, takes an edge of the table, asks the guards, is written and runs the hooks.
// Its cause reads "timeout after 30s in warming".
//
// A timeout starts when its state is entered and ends when the state is left by any
// transition. A [Self] rule does not leave the state, [Reenter] does. The timeout of a
// parent runs while the machine is anywhere within. A state may have several. Timeouts
// that are due at the same time fire in the order of their start, as far as they
// still apply.
//
// A timeout fires once. If it is refused (by a guard, by the writer, or because the lease
// has ended), the machine stays, [OnTimeoutError] is told, and the timeout is over until
// the state is entered again. It stays in every [Snapshot], and in a stored value, until its
// transition is committed or refused. A refusal writes nothing: the value that is stored has
// the timeout until the next change is written, and a machine restored from that value tries
// it again. So does one restored from the snapshot of a machine that was closed while the
// timeout was carried out. After the loss of a lease other timeouts run on; on a
// detached machine they move it without writing. [Machine.Reset] ends all timeouts and
// starts the timeouts of the initial state. [New] starts these as well, or [Machine.Start]
// for a machine of [WithManualStart].
//
// The context of its guards and hooks has no deadline and ends when [Machine.Close] is
// called. They run on a goroutine that lasts as long as they do, or, for an overdue
// timeout, on that of a call that got its turn later: a timeout due before a call got its
// turn comes before the call. There may be nobody to recover a panic of theirs. Between
// transitions a machine has one timer at most, and none if no timeout runs.
//
// Time counts from the At of the transition that entered the state, so the time of its
// guards, before hooks and write is part of it. It goes by the monotonic clock: steps of the wall clock have no effect, and the time stands still while the
// computer is suspended. For a restored machine see [Restore].
//
// A definition refuses a circle of states that only timeouts leave, unless [TimeoutCycle]
// names them.
func Timeout[S comparable](state S, after time.Duration, to S) Rule[S] {
	return Rule[S]{timeoutRule[S]{state: state, to: to, name: trimmed(after), after: after}}
}

// TimeoutFunc is a [Timeout] with a variable duration. after is called whenever the state
// is about to be entered, after the before hooks; [New], or [Machine.Start], and
// [Machine.Reset] call it as well. A duration of zero or less is due at once. name stands for the duration in causes
// and drawings. after must not change the machine.
func TimeoutFunc[S comparable](state S, name string, after func(context.Context, Transition[S]) time.Duration, to S) Rule[S] {
	return Rule[S]{timeoutRule[S]{state: state, to: to, name: name, variable: true, afterFunc: after}}
}

// TimeoutCycle permits circles of states that only timeouts leave, such as a poll every
// second:
//
//	fsm.Reenter(Polling),
//	fsm.Timeout(Polling, time.Second, Polling),
//	fsm.TimeoutCycle(Polling),
//
// It names every leaf of the circles, or a state around it. Any other name is a mistake.
//
// Each period counts from the At of the transition that began it, the start of its turn: a
// period lasts at least its duration, and the next one does not make up for a delay. However
// many periods have passed while the machine was busy or the computer suspended, or before a
// snapshot was restored, the timeout fires once, and the next period begins then. A call that
// waits for its turn comes after the timeouts that are due by then, and before those that they
// start, also in a circle of durations of zero. That circle keeps a processor busy.
//
// A timeout that is refused is over, as every [Timeout], and with it the circle. A second,
// longer timeout of the same state can lead out of it then.
func TimeoutCycle[S comparable](states ...S) Rule[S] {
	return Rule[S]{timeoutCycleRule[S]{slices.Clone(states)}}
}

// OnTimeoutError is told of timeouts that were refused, or that moved the machine while a
// hook failed: the error that a caller would get. ([Finally] hooks run for timeouts too,
// and before it.) It runs like a hook, in the same turn, and may queue a change on a machine
// with [WithQueue]. It does not run for a timeout that
// [Machine.Close] has ended before it moved the machine.
func OnTimeoutError[S comparable](run func(context.Context, *TransitionError[S])) Rule[S] {
	return Rule[S]{timeoutErrorRule[S]{run}}
}

type timeoutRule[S comparable] struct {
	state, to S
	name      string
	after     time.Duration
	variable  bool // from TimeoutFunc
	afterFunc func(context.Context, Transition[S]) time.Duration
}

type timeoutCycleRule[S comparable] struct{ states []S }

type timeoutErrorRule[S comparable] struct {
	run func(context.Context, *TransitionError[S])
}

// trimmed prints a duration without trailing zero units: 2h, not 2h0m0s.
func trimmed(d time.Duration) string {
	s := d.String()
	if minutes, ok := strings.CutSuffix(s, "m0s"); ok {
		s = minutes + "m"
	}
	if hours, ok := strings.CutSuffix(s, "h0m"); ok {
		s = hours + "h"
	}
	return s
}
