package fsm

import (
	"context"
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Rule adds something to the table of a definition. Rules are made by the functions
// that return one. Rules for the same point run in the order given.
//
// Guards and hooks get a context derived from that of the caller. A change of the same
// machine with that context, or one derived from it, is recognised and fails with
// [ErrReentrant]; a change with any other context would wait for itself. Hooks may read
// their machine and change others. A goroutine that a hook starts may change the machine
// with the hook's context once the transition has ended. If user code panics or ends its
// goroutine, the transition ends at that point and the machine stays usable.
type Rule[S comparable] struct {
	spec any // one of the types below, *eventRule, substatesRule, historyRule, localRule, timeoutRule, timeoutCycleRule or requiresRule
}

// hook is the type of user code that runs in a transition.
type hook[S comparable] = func(context.Context, Transition[S]) error

type guardRule[S comparable] struct {
	from, to S
	ofEdge   bool // otherwise of every edge to the state to
	name     string
	check    hook[S]
}

type hookRule[S comparable] struct {
	phase    Phase
	state    S // of PhaseExit and PhaseEntry
	from, to S // of PhaseEdge
	run      hook[S]
}

type finallyRule[S comparable] struct {
	run func(context.Context, Transition[S], error)
}

type unhandledRule[S comparable] struct {
	run func(context.Context, *EventError[S]) error
}

type selfRule[S comparable] struct {
	state S
	kind  graph.Kind
}

type finalRule[S comparable] struct{ states []S }

type encodeRule[S comparable] struct {
	encode func(context.Context, Snapshot[S]) ([]byte, error)
}

// Guard refuses transitions to a state while check returns an error; for a parent, all
// transitions that enter it. The *[GuardError] carries name. The transition can still
// fail after its guards have passed, so a guard should have no effects.
func Guard[S comparable](to S, name string, check func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{guardRule[S]{to: to, name: name, check: check}}
}

// GuardEdge is a [Guard] of one edge. It runs before the guards of the target.
func GuardEdge[S comparable](from, to S, name string, check func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{guardRule[S]{from: from, to: to, ofEdge: true, name: name, check: check}}
}

// Before runs ahead of every transition that its guards permit. An error refuses the
// transition.
func Before[S comparable](run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{hookRule[S]{phase: PhaseBefore, run: run}}
}

// OnExit runs when a state has been left. The transition is committed then: an error is
// returned to the caller and undoes nothing.
func OnExit[S comparable](state S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{hookRule[S]{phase: PhaseExit, state: state, run: run}}
}

// OnEdge runs when an edge has been taken, after the exit hooks of its source and before
// the entry hooks of its target. An error is treated as that of [OnExit].
func OnEdge[S comparable](from, to S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{hookRule[S]{phase: PhaseEdge, from: from, to: to, run: run}}
}

// OnEntry runs when a state has been entered, after the exit hooks of the state that was
// left. An error is treated as that of [OnExit].
func OnEntry[S comparable](state S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{hookRule[S]{phase: PhaseEntry, state: state, run: run}}
}

// After runs at the end of every transition. An error is treated as that of [OnExit].
func After[S comparable](run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{hookRule[S]{phase: PhaseAfter, run: run}}
}

// Finally runs at the very end of every change that got its turn, with the result that
// its caller is about to get: nil, the refusal, or the errors of hooks; [ErrAborted] if
// user code panicked or ended its goroutine. It cannot change the result. It does not run
// for a [Machine.Reset], which runs no hooks; for an ignored event; or for a change
// that was refused before its turn ([PhaseTurn]). If the change found no target, To is
// From and Number is 0.
func Finally[S comparable](run func(context.Context, Transition[S], error)) Rule[S] {
	return Rule[S]{finallyRule[S]{run}}
}

// OnUnhandled runs when an event is fired that has no rule in the present state
// ([ErrUnhandled]) or in the definition ([ErrUnknownEvent]). Its return value is the
// result of the call; nil is success.
func OnUnhandled[S comparable](run func(context.Context, *EventError[S]) error) Rule[S] {
	return Rule[S]{unhandledRule[S]{run}}
}

// Self adds an edge from a state to itself that does not leave it. The transition is
// guarded, written, numbered and recorded as usual, but runs no exit and no entry hook,
// and [Snapshot.Since] stays. [Reenter] leaves the state and enters it again; an
// [Internal] rule makes no transition at all. A table cannot tell the three apart, so it
// may not list a state under itself.
func Self[S comparable](state S) Rule[S] { return Rule[S]{selfRule[S]{state, graph.Self}} }

// Reenter adds an edge from a state to itself that leaves it and enters it again: exit
// and entry hooks run. Compare [Self].
func Reenter[S comparable](state S) Rule[S] { return Rule[S]{selfRule[S]{state, graph.Reenter}} }

// Final names the final states. The definition is then checked:
// exactly these leaves have no edge, neither of their own nor from a state around them,
// and every other leaf leads to one of them.
func Final[S comparable](states ...S) Rule[S] {
	return Rule[S]{finalRule[S]{slices.Clone(states)}}
}

// Encode makes the value that the machine's [Writer] stores, from the machine as it will
// be once the write has succeeded. The default is the snapshot as JSON. It runs only for
// a machine with a writer. An error refuses the transition.
func Encode[S comparable](encode func(context.Context, Snapshot[S]) ([]byte, error)) Rule[S] {
	return Rule[S]{encodeRule[S]{encode}}
}
