package fsmtest

import (
	"errors"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/fsm"
)

// reset judges a reset: it goes home, and runs nothing.
func (c *call[S]) reset() {
	c.want(c.moved() && c.err == nil && c.after.State == c.def.Initial(), "a reset leads to %v", c.def.Initial())
	c.ran()
}

// timeout judges what became of a timeout that was due: it is a transition, of which
// the hooks were told instead of a caller, and it is over.
func (c *call[S]) timeout(p fsm.PendingTimeout[S]) {
	c.want(!slices.Contains(c.after.Timeouts, p), "it still runs")
	if c.err != nil {
		c.want(c.err == c.probe.failed, "the hook for failed timeouts was told %v", c.probe.failed)
	}
	if c.moved() {
		cause := c.after.History[len(c.after.History)-1].Cause
		c.want(strings.HasPrefix(cause, "timeout after "), "its cause is %q", cause)
	}
	c.transition(p.To)
}

// transition judges what became of a request for a state.
func (c *call[S]) transition(to S) {
	possible := c.def.Can(c.before.State, to)
	switch moved := c.moved(); {
	case moved:
		c.want(possible && c.led(to), "it led to %v", c.after.State)
		c.step()
	case possible:
		c.refusedByCode(c.guarded(c.before.State, to))
	default:
		c.want(errors.Is(c.err, fsm.ErrInvalidTransition), "it is not in the table")
		c.ran("finally")
	}
}

// event judges what became of an event.
func (c *call[S]) event(name string) {
	var reactions []fsm.Reaction[S]
	for _, r := range c.def.Reactions() {
		if r.Event == name && r.From == c.before.State {
			reactions = append(reactions, r)
		}
	}
	switch moved := c.moved(); {
	case moved:
		leads := func(r fsm.Reaction[S]) bool { return slices.ContainsFunc(r.To, c.led) }
		c.want(slices.ContainsFunc(reactions, leads), "no rule leads to %v", c.after.State)
		c.want(c.after.History[len(c.after.History)-1].Event == name, "it is not recorded as %q", name)
		c.step()
	case len(reactions) == 0:
		c.unhandled(name)
	default:
		c.stayed(reactions)
	}
}

// unhandled judges an event about which nothing is said in the state.
func (c *call[S]) unhandled(name string) {
	c.ran("finally")
	if c.probe.lenient {
		return
	}
	why := fsm.ErrUnknownEvent
	if slices.Contains(c.def.Events(), name) {
		why = fsm.ErrUnhandled
	}
	c.want(errors.Is(c.err, why), "want %v", why)
}

// stayed judges an event that is handled and made no step: it is ignored, handled
// in place, or refused.
func (c *call[S]) stayed(reactions []fsm.Reaction[S]) {
	first := reactions[0]
	certain := len(first.Guards) == 0
	has := func(is func(fsm.Reaction[S]) bool) bool { return slices.ContainsFunc(reactions, is) }
	ignored := func(r fsm.Reaction[S]) bool { return r.Ignored }
	internal := func(r fsm.Reaction[S]) bool { return r.Internal }
	switch {
	case first.Ignored && certain:
		c.want(c.err == nil, "it is ignored")
		c.ran()
	case c.err == nil && len(c.probe.lines) == 0:
		c.want(has(ignored), "nothing happened, and it is not ignored")
	case slices.Contains(c.probe.lines, "after"):
		c.want(has(internal), "it is not internal")
		c.ran("before", "after", "finally")
	case first.Internal:
		c.refusedByCode(!certain)
	default:
		guards := has(func(r fsm.Reaction[S]) bool { return len(r.Guards) > 0 || len(r.To) > 1 })
		for _, r := range reactions {
			for _, to := range r.To {
				guards = guards || c.guarded(r.From, to)
			}
		}
		c.refusedByCode(guards || len(first.To) != 1)
	}
}

// refusedByCode judges a refusal by the definition's own code: by a guard, of which
// the call may have had some to pass, or after the guards.
func (c *call[S]) refusedByCode(guards bool) {
	c.want(c.err != nil, "nothing refused it, and it made no step")
	_, byGuard := errors.AsType[*fsm.GuardError](c.err)
	c.want(guards || !byGuard, "there is no guard")
	lines := c.probe.lines
	for len(lines) > 1 && c.ofParent(lines[0]) { // one within refused, or a candidate's next had its turn
		lines = lines[1:]
	}
	if len(lines) == 2 && lines[0] == at("guard", c.target()) {
		lines = lines[1:]
	}
	c.want(slices.Equal(lines, []string{"finally"}), "a refusal has at most the guards and the finally hooks run")
	c.outcome()
}

// guarded reports whether guards may be in the way along an edge. To a history state
// that depends on what it remembers.
func (c *call[S]) guarded(from, to S) bool {
	_, _, history := c.def.HistoryState(to)
	return history || len(c.def.Guards(from, to)) > 0
}

// ofParent reports whether a line is that of the guard of a state with others within it.
func (c *call[S]) ofParent(line string) bool {
	return slices.ContainsFunc(c.def.States(), func(s S) bool {
		return len(c.def.Children(s)) > 0 && line == at("guard", s)
	})
}

// target is where a refused call would have led.
func (c *call[S]) target() S {
	if refused, ok := errors.AsType[*fsm.TransitionError[S]](c.err); ok {
		return refused.To
	}
	return c.before.State
}

// led reports whether the machine is where asking for a state leads.
func (c *call[S]) led(ask S) bool {
	of, _, history := c.def.HistoryState(ask)
	if history {
		return c.def.In(c.after.State, of)
	}
	stays := c.after.State == c.before.State && c.def.In(c.before.State, ask) && c.def.Can(ask, ask)
	return stays || c.after.State == entered(c.def, ask)
}

// step judges the order of a step that was made.
func (c *call[S]) step() {
	from, to := c.before.State, c.after.State
	i := slices.IndexFunc(c.def.Next(from), func(ask S) bool { return slices.Contains(c.probe.lines, along(from, ask)) })
	c.want(i >= 0, "it went along no edge")
	ask := c.def.Next(from)[i]
	c.walked[along(from, ask)] = true
	up, down := c.way(from, to, ask)
	if source := c.source(from, ask); source == ask && !slices.Contains(c.probe.lines, at("exit", from)) { // by a Self rule
		c.ran(at("guard", ask), "before", along(from, ask), "after", "finally")
	} else {
		c.ran(slices.Concat(each("guard", down), []string{"before"}, each("exit", up), []string{along(from, ask)},
			each("enter", down), []string{"after", "finally"})...)
	}
	if failed, ok := errors.AsType[*fsm.TransitionError[S]](c.err); c.err != nil {
		c.want(ok && failed.Moved, "the error does not say that it moved")
	}
}

// source is the state in whose list of the table an edge stands: the outermost that has
// it.
func (c *call[S]) source(from, ask S) S {
	around := lineage(c.def, from)
	i := slices.IndexFunc(around, func(s S) bool { return !c.def.Can(s, ask) })
	if i < 0 {
		i = len(around)
	}
	return around[i-1]
}

// way lists what a step along an edge leaves, innermost first, and what it enters,
// outermost first: all but the states that hold both its ends and are neither.
func (c *call[S]) way(from, to, ask S) (up, down []S) {
	goal := ask
	if of, deep, history := c.def.HistoryState(ask); deep {
		goal = to
	} else if history {
		goal = lineage(c.def, to)[slices.Index(lineage(c.def, to), of)-1]
	}
	source := c.source(from, ask)
	stays := func(s S) bool {
		return s != source && s != goal && c.def.In(source, s) && c.def.In(goal, s)
	}
	up = slices.DeleteFunc(lineage(c.def, from), stays)
	down = slices.DeleteFunc(lineage(c.def, to), stays)
	slices.Reverse(down)
	return up, down
}

// lineage is a state and those around it, outwards.
func lineage[S comparable](def *fsm.Definition[S], s S) []S {
	all := []S{s}
	for parent, ok := def.Parent(s); ok; parent, ok = def.Parent(parent) {
		all = append(all, parent)
	}
	return all
}

func each[S comparable](what string, states []S) (lines []string) {
	for _, s := range states {
		lines = append(lines, at(what, s))
	}
	return lines
}

// ran checks what has run, and that the finally hook was told what the caller was.
func (c *call[S]) ran(lines ...string) {
	c.want(slices.Equal(c.probe.lines, lines), "want run: %q", lines)
	if len(lines) > 0 {
		c.outcome()
	}
}

func (c *call[S]) outcome() {
	c.want(c.err == c.probe.outcome, "the finally hooks were told %v", c.probe.outcome)
}

func (c *call[S]) want(ok bool, format string, args ...any) {
	if !ok {
		c.fail(format, args...)
	}
}
