package fsm

import (
	"context"
	"fmt"
	"slices"
)

// Rule adds something to a definition's table. Rules are made by the functions
// that return one; of those at the same point, the first given runs first.
//
// Their functions are called with the context of the caller, extended so that a
// change of the same machine from inside them is recognised and refused with
// [ErrReentrant]. Pass it on: a change with any other context waits for itself.
// They may read the machine, and may change others. What they start may change
// the machine, with that context too, once their transition has ended. If one
// panics or ends its goroutine, the transition ends there and the machine goes
// on.
type Rule[S comparable] struct {
	order func(inner map[S][]S)           // before all: says what lies within which, to number the states
	shape func(*Definition[S], *problems) // first: adds edges, and puts states into each other
	bind  func(*Definition[S], *problems)
}

// Guard refuses transitions to a state, and into a parent from outside, for as long as check returns an error.
// The refusal, a *[GuardError], carries name. A guard may be asked and the
// transition still fail: it should have no effect of its own.
func Guard[S comparable](to S, name string, check func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		rule := fmt.Sprintf("guard %q", name)
		p := d.place(rule, to, found)
		p.guards = named(p.guards, guard[S]{name, d.code(rule, check, found)}, fmt.Sprintf("%q", label(to)), found)
	}}
}

// GuardEdge is [Guard] for one edge only. It is asked before the guards of the
// target.
func GuardEdge[S comparable](from, to S, name string, check func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		rule := fmt.Sprintf("guard %q", name)
		e := d.along(rule, from, to, found)
		e.guards = named(e.guards, guard[S]{name, d.code(rule, check, found)}, fmt.Sprintf("%q -> %q", label(from), label(to)), found)
	}}
}

// named adds a guard to those of a place, if its name tells it from them.
func named[S comparable](guards []guard[S], g guard[S], place string, found *problems) []guard[S] {
	if g.name == "" {
		found.add("a guard of %s has no name", place)
	}
	for _, other := range guards {
		if other.name == g.name {
			found.add("guard %q is given more than once for %s", g.name, place)
		}
	}
	return append(guards, g)
}

// Before runs ahead of every transition that the guards let pass, and vetoes it
// by returning an error.
func Before[S comparable](run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		d.before = append(d.before, d.code("before hook", run, found))
	}}
}

// OnExit runs when a state has been left. The transition is done by then; an
// error is told to its caller, and no more.
func OnExit[S comparable](state S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		p := d.place("exit hook", state, found)
		p.exit = append(p.exit, d.code("exit hook", run, found))
	}}
}

// OnEdge runs when an edge has been taken, between the exit hooks of its source
// and the entry hooks of its target. An error is like that of [OnExit].
func OnEdge[S comparable](from, to S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		e := d.along("edge hook", from, to, found)
		e.along = append(e.along, d.code("edge hook", run, found))
	}}
}

// OnEntry runs when a state has been entered, after the exit hooks of the one
// that was left. An error is like that of [OnExit].
func OnEntry[S comparable](state S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		p := d.place("entry hook", state, found)
		p.enter = append(p.enter, d.code("entry hook", run, found))
	}}
}

// After runs at the end of every transition. An error is like that of [OnExit].
func After[S comparable](run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		d.after = append(d.after, d.code("after hook", run, found))
	}}
}

// Finally runs at the very end of every change that had its turn, with what its
// caller is about to be told: nil, the refusal, or the errors of hooks. If user
// code panicked or ended its goroutine that is [ErrAborted]. It cannot change
// the outcome. It does not run for a [Machine.Reset], which runs no user code, for
// an ignored event, with which nothing happens, or for what was refused before
// its turn ([PhaseTurn]). What never got as far as a target has To as From and
// number 0.
func Finally[S comparable](run func(context.Context, Transition[S], error)) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		if run == nil {
			found.add("finally hook has no function")
		}
		d.bare = false
		d.finals = append(d.finals, run)
	}}
}

// OnUnhandled runs when an event is fired for which there is no rule in the present
// state ([ErrUnhandled]) or in the definition ([ErrUnknownEvent]). What it returns
// is the event's outcome; nil is success.
func OnUnhandled[S comparable](run func(context.Context, *EventError[S]) error) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		switch {
		case run == nil:
			found.add("unhandled hook has no function")
		case d.unhandled != nil:
			found.add("there is more than one unhandled hook")
		}
		d.bare = false
		d.unhandled = run
	}}
}

// Self adds an edge from a state to itself which does not leave it: the step is
// guarded, written, counted and recorded like any, but no exit and no entry hook
// runs, and [Snapshot.Since] stays. [Reenter] leaves the state and enters it
// again; an [Internal] rule makes no step at all. A table cannot say which of the
// three is meant, and so it may not list a state under itself.
func Self[S comparable](state S) Rule[S] { return selfRule(state, "self", remaining) }

// Reenter adds an edge from a state to itself that leaves it and enters it again:
// exit and entry hooks run. Compare [Self].
func Reenter[S comparable](state S) Rule[S] { return selfRule(state, "reenter", reentered) }

func selfRule[S comparable](state S, name string, kind selfKind) Rule[S] {
	return Rule[S]{shape: func(d *Definition[S], found *problems) {
		p := d.place("the "+name+" rule", state, found)
		switch p.self {
		case noSelf:
			p.self = kind
		case kind:
			found.add("the %s rule for %q is given more than once", name, label(state))
		default:
			found.add("%q has both a self and a reenter rule", label(state))
		}
	}}
}

// Final names the states in which a machine may end, to have it checked: they,
// and no others, have an empty list in the table (and so have the states around
// them), and from every state one of them can be reached. A state with others within
// it is none in which a machine could end.
func Final[S comparable](states ...S) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		if len(states) == 0 {
			found.add("the final rule names no state")
		}
		for _, s := range states {
			d.place("the final rule", s, found)
		}
		d.ends = append(d.ends, states...)
	}}
}

// Encode makes the value that is written through the lease, from the machine as
// it will be once the write has succeeded. Without this rule it is the snapshot
// as JSON. It is not called for a machine without a lease. An error refuses the
// transition.
//
// It gets no context, so a change of the same machine from inside it cannot be
// recognised and waits for ever.
func Encode[S comparable](value func(Snapshot[S]) ([]byte, error)) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		switch {
		case value == nil:
			found.add("the encode rule has no function")
		case d.encode != nil:
			found.add("there is more than one encode rule")
		}
		d.encode = value
	}}
}

// checkEnds holds the table against what Final names.
func (d *Definition[S]) checkEnds(found *problems) {
	if len(d.ends) == 0 {
		return
	}
	for _, s := range d.States() {
		out, end := len(d.Next(s)) > 0, slices.Contains(d.ends, s)
		switch {
		case !d.graph.tree.leaf(d.graph.index[s]):
			if end && !d.isHistory(d.graph.index[s]) {
				found.add("%q is final, but has others within it", label(s))
			}
		case out && end:
			found.add("%q is final, but leads to %s", label(s), names(d.Next(s)))
		case !out && !end:
			found.add("%q is a dead end, and not final", label(s))
		case out && !slices.ContainsFunc(d.Reachable(s), func(to S) bool { return slices.Contains(d.ends, to) }):
			found.add("%q leads to no final state", label(s))
		}
	}
}

// code notes that transitions run user code from now on.
func (d *Definition[S]) code(rule string, run hook[S], found *problems) hook[S] {
	if run == nil {
		found.add("%s has no function", rule)
	}
	d.bare = false
	return run
}
