package fsm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Timeout moves a machine that has been in a state for so long on to another. It is
// a [Machine.Transition] like that of any caller, in all of its order: it waits for
// its turn, goes along an edge that the table has to have, asks the guards, is
// written through the lease, runs the hooks. Its cause, in the history and for the
// hooks, is "timeout after 30s in warming".
//
// It starts when the state is entered and ends when it is left, by whatever step. A
// [Self] rule does not leave it, [Reenter] does. That of a parent runs while the
// machine is anywhere within. A state may have several; of those that are due at
// once the one that was started first is first, and others only follow if they
// still hold.
//
// It is tried once. If it is refused (by a guard, by the store, because the term has
// ended) the machine stays, [OnTimeoutError] is told, and this timeout is over until
// the state is entered again. After a loss others run on; once the machine is
// detached they move it in this process alone. [Machine.Reset] ends all, and starts
// those of the initial state; [New] starts those too.
//
// Guards and hooks get a context of no caller: it has no deadline, and ends when
// [Machine.Close] is called. If they panic there may be nobody to recover it. They run
// on a goroutine that lives as long as they do, or on that of a call that comes once
// the timeout is overdue: what was due before a call got its turn comes before it.
// Between two steps a machine has at most one timer, and none if nothing is to come.
//
// Time is counted from the At of the step that entered the state, by the monotonic
// clock: a step of the wall clock changes nothing, and while the machine it runs on
// is suspended it stands still. Only a machine that was restored goes by the wall
// clock, see [Restore].
//
// A definition refuses a circle of states out of which nothing but timeouts leads: it
// would go round for ever, and nobody could stop it.
func Timeout[S comparable](state S, after time.Duration, to S) Rule[S] {
	name := span(after)
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		if after <= 0 {
			found.add("the timeout of %q to %q is %v: it must be positive", label(state), label(to), after)
		}
		d.limit(state, name, func(Transition[S]) time.Duration { return after }, to, found)
	}}
}

// TimeoutFunc is a [Timeout] that is asked how long it is whenever its state is about
// to be entered, after the before hooks; by [New] and [Machine.Reset] as well. What
// is not positive is due at once. name stands in the cause and in pictures, in place
// of the duration. after must not call the machine.
func TimeoutFunc[S comparable](state S, name string, after func(Transition[S]) time.Duration, to S) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		if name == "" {
			found.add("the timeout of %q to %q has no name", label(state), label(to))
		}
		if after == nil {
			found.add("the timeout of %q to %q has no function", label(state), label(to))
		}
		d.limit(state, name, after, to, found)
	}}
}

// OnTimeoutError is told of timeouts that were refused, or that moved the machine and
// a hook failed: of what a caller would get as an error. (The [Finally] hooks hear of
// them too, as of every change, and before.) It runs like a hook, in the same turn: it may
// ask for another change with [WithQueue]. A timeout of a machine that was closed
// meanwhile is none.
func OnTimeoutError[S comparable](run func(context.Context, *TransitionError[S])) Rule[S] {
	return Rule[S]{bind: func(d *Definition[S], found *problems) {
		if run == nil {
			found.add("timeout failed hook has no function")
		}
		d.bare = false
		d.overdue = append(d.overdue, run)
	}}
}

// span prints a duration without what is zero at its end: 2h, not 2h0m0s.
func span(d time.Duration) string {
	s := d.String()
	if minutes, ok := strings.CutSuffix(s, "m0s"); ok {
		s = minutes + "m"
	}
	if hours, ok := strings.CutSuffix(s, "h0m"); ok {
		s = hours + "h"
	}
	return s
}

// timeout is what a rule of that name says.
type timeout[S comparable] struct {
	state uint16
	to    S
	name  string
	after func(Transition[S]) time.Duration
}

func (d *Definition[S]) limit(state S, name string, after func(Transition[S]) time.Duration, to S, found *problems) {
	rule := "the timeout after " + name
	p := d.place(rule, state, found)
	_, target := d.number(rule, to, found)
	i, known := d.graph.index[state]
	if _, _, ok := d.graph.edge(i, to); known && target && !ok {
		found.add("%s leads from %q to %q, which the table does not", rule, label(state), label(to))
	}
	if slices.ContainsFunc(d.timeouts, func(o timeout[S]) bool { return o.state == i && o.to == to }) && known {
		found.add("%q has more than one timeout to %q", label(state), label(to))
	}
	p.timeouts = append(p.timeouts, uint16(len(d.timeouts)))
	d.timeouts = append(d.timeouts, timeout[S]{i, to, name, after})
	d.bare = false
	if len(d.timeouts) > none {
		found.add("more than %d timeouts", none)
	}
}

// cause is what the history says of a timeout.
func (d *Definition[S]) cause(t *timeout[S]) string {
	return fmt.Sprintf("timeout after %s in %v", t.name, d.graph.states[t.state])
}

// checkTimeouts looks for circles: of leaves that only timeouts leave, it drops those
// that lead to no other or to which no other leads, until there is nothing to drop.
func (d *Definition[S]) checkTimeouts(found *problems) {
	if len(d.timeouts) == 0 {
		return
	}
	leads := make(map[uint16][]uint16)
	for i := range d.graph.states {
		if to, only := d.timed(uint16(i)); only {
			leads[uint16(i)] = to
		}
	}
	for dropped := true; dropped; {
		dropped = false
		for s, to := range leads {
			forth := slices.ContainsFunc(to, func(t uint16) bool { return leads[t] != nil })
			back := false
			for _, from := range leads {
				back = back || slices.Contains(from, s)
			}
			if !forth || !back {
				delete(leads, s)
				dropped = true
			}
		}
	}
	if circle := d.those(func(i uint16) bool { return leads[i] != nil }); len(circle) > 0 {
		found.add("nothing but timeouts leads from %s: they would go round for ever", names(circle))
	}
}

// timed returns where timeouts lead from a leaf, and whether nothing else does.
func (d *Definition[S]) timed(leaf uint16) (to []uint16, only bool) {
	t := d.graph.tree
	only = t.leaf(leaf) && len(d.graph.targets[leaf]) > 0
	for at, target := range d.graph.next[leaf] {
		limits := func(o timeout[S]) bool { return o.to == target && t.within(leaf, o.state) }
		if slices.ContainsFunc(d.timeouts, limits) {
			to = append(to, d.way(leaf, at, nil).to)
		} else {
			only = false
		}
	}
	return to, only
}

// those are the states of which is says so, in their order.
func (d *Definition[S]) those(is func(uint16) bool) (states []S) {
	for i, s := range d.graph.states {
		if is(uint16(i)) {
			states = append(states, s)
		}
	}
	return states
}
