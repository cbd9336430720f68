package fsmtest

import (
	"errors"
	"slices"

	"github.com/leasehold-go/leasehold/fsm"
)

// reset judges a reset: it goes home, and runs nothing.
func (c *call[S]) reset() {
	c.want(c.moved() && c.err == nil && c.after.State == c.def.Initial(), "a reset leads to %v", c.def.Initial())
	c.ran()
}

// transition judges what became of a request for a state.
func (c *call[S]) transition(to S) {
	possible := c.def.Can(c.before.State, to)
	switch moved := c.moved(); {
	case moved:
		c.want(possible && c.after.State == to, "it led to %v", c.after.State)
		c.step()
	case possible:
		c.refusedByCode(len(c.def.Guards(c.before.State, to)) > 0)
	default:
		c.want(errors.Is(c.err, fsm.ErrInvalid), "it is not in the table")
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
		leads := func(r fsm.Reaction[S]) bool { return slices.Contains(r.To, c.after.State) }
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
				guards = guards || len(c.def.Guards(r.From, to)) > 0
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
	if len(lines) == 2 && lines[0] == at("guard", c.target()) {
		lines = lines[1:]
	}
	c.want(slices.Equal(lines, []string{"finally"}), "a refusal has at most the guards and the finally hooks run")
	c.outcome()
}

// target is where a refused call would have led.
func (c *call[S]) target() S {
	if refused, ok := errors.AsType[*fsm.TransitionError[S]](c.err); ok {
		return refused.To
	}
	return c.before.State
}

// step judges the order of a step that was made.
func (c *call[S]) step() {
	from, to := c.before.State, c.after.State
	c.walked[along(from, to)] = true
	whole := []string{at("guard", to), "before", at("exit", from), along(from, to), at("enter", to), "after", "finally"}
	if from == to && !slices.Contains(c.probe.lines, whole[2]) { // by a Self rule
		whole = slices.Delete(slices.Delete(whole, 4, 5), 2, 3)
	}
	c.ran(whole...)
	if failed, ok := errors.AsType[*fsm.TransitionError[S]](c.err); c.err != nil {
		c.want(ok && failed.Moved, "the error does not say that it moved")
	}
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
