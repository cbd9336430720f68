package fsm

import (
	"context"
	"fmt"
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
	bind func(*Definition[S], *problems)
}

// Guard refuses transitions to a state for as long as check returns an error.
// The refusal, a *[GuardError], carries name. A guard may be asked and the
// transition still fail: it should have no effect of its own.
func Guard[S comparable](to S, name string, check func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{func(d *Definition[S], found *problems) {
		rule := fmt.Sprintf("guard %q", name)
		if name == "" {
			found.add("a guard of %q has no name", label(to))
		}
		p := d.place(rule, to, found)
		for _, g := range p.guards {
			if g.name == name {
				found.add("%s is given more than once for %q", rule, label(to))
			}
		}
		p.guards = append(p.guards, guard[S]{name, d.code(rule, check, found)})
	}}
}

// Before runs ahead of every transition that the guards let pass, and vetoes it
// by returning an error.
func Before[S comparable](run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{func(d *Definition[S], found *problems) {
		d.before = append(d.before, d.code("before hook", run, found))
	}}
}

// Exit runs when a state has been left. The transition is done by then; an
// error is told to its caller, and no more.
func Exit[S comparable](state S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{func(d *Definition[S], found *problems) {
		p := d.place("exit hook", state, found)
		p.exit = append(p.exit, d.code("exit hook", run, found))
	}}
}

// Enter runs when a state has been entered, after the exit hooks of the one
// that was left. An error is like that of [Exit].
func Enter[S comparable](state S, run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{func(d *Definition[S], found *problems) {
		p := d.place("enter hook", state, found)
		p.enter = append(p.enter, d.code("enter hook", run, found))
	}}
}

// After runs at the end of every transition. An error is like that of [Exit].
func After[S comparable](run func(context.Context, Transition[S]) error) Rule[S] {
	return Rule[S]{func(d *Definition[S], found *problems) {
		d.after = append(d.after, d.code("after hook", run, found))
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
	return Rule[S]{func(d *Definition[S], found *problems) {
		switch {
		case value == nil:
			found.add("the encode rule has no function")
		case d.encode != nil:
			found.add("there is more than one encode rule")
		}
		d.encode = value
	}}
}

// code notes that transitions run user code from now on.
func (d *Definition[S]) code(rule string, run hook[S], found *problems) hook[S] {
	if run == nil {
		found.add("%s has no function", rule)
	}
	d.bare = false
	return run
}
