package fsmtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/internal/order"
)

// result is one call with the snapshots before and after it, its error and its trace.
type result[S comparable] struct {
	*walk[S]
	call          string // for failures
	before, after fsm.Snapshot[S]
	err           error
	candidates    int // of the event
	trace
}

// want fails the test unless ok is true.
func (r *result[S]) want(ok bool, format string, args ...any) {
	if !ok {
		r.rt.Helper()
		r.rt.Fatalf("%s in %v (error: %v): %s\nran: %q", r.call, r.before.State, r.err, fmt.Sprintf(format, args...), r.lines)
	}
}

// moved reports whether the call committed a transition. It checks that the snapshot has
// either all of a transition or nothing.
func (r *result[S]) moved() bool {
	if r.after.Number == r.before.Number {
		same := r.after.State == r.before.State && r.after.Since.Equal(r.before.Since) && slices.Equal(r.after.History, r.before.History)
		r.want(same, "no transition was committed, but the snapshot changed to %+v from %+v", r.after, r.before)
		return false
	}
	r.want(r.after.Number == r.before.Number+1, "%d transitions in one call", r.after.Number-r.before.Number)
	last := r.last()
	r.want(last.From == r.before.State && last.To == r.after.State && last.Number == r.after.Number,
		"the history has %+v, but the machine is in %v", last, r.after.State)
	for _, p := range r.after.Timeouts {
		r.want(r.def.In(r.after.State, p.State), "a timeout of %v runs in %v", p.State, r.after.State)
	}
	return true
}

// last returns the newest transition of the history.
func (r *result[S]) last() fsm.Transition[S] { return r.after.History[len(r.after.History)-1] }

// checkTimeout checks a timeout that was due. The timeout no longer runs. It led to a
// transition, or a hook got the error instead of a caller.
func (r *result[S]) checkTimeout(p fsm.PendingTimeout[S]) {
	r.want(!slices.Contains(r.after.Timeouts, p), "the timeout still runs")
	if r.err != nil {
		r.want(r.err == r.timeoutError, "the OnTimeoutError hook got %v", r.timeoutError)
	}
	if r.moved() {
		r.want(strings.HasPrefix(r.last().Cause, "timeout after "), "the cause is %q", r.last().Cause)
	}
	r.checkTransition(p.To)
}

// checkTransition checks a request for a state.
func (r *result[S]) checkTransition(to S) {
	permitted := r.def.Can(r.before.State, to)
	switch moved := r.moved(); {
	case moved:
		r.want(permitted && r.reached(to), "the transition ended in %v", r.after.State)
		r.checkOrder()
	case permitted:
		r.checkRefusal(r.guarded(r.before.State, to))
	default:
		r.want(errors.Is(r.err, fsm.ErrInvalidTransition), "the edge is not in the table")
		r.wantRan("finally")
	}
}

// checkEvent checks an event against the rules for it in the state before the call.
func (r *result[S]) checkEvent(name string) {
	var rules []fsm.Reaction[S]
	for _, rule := range r.def.Reactions() {
		if rule.Event == name && rule.From == r.before.State {
			rules = append(rules, rule)
		}
	}
	r.candidates = len(rules)
	switch moved := r.moved(); {
	case moved:
		leads := func(rule fsm.Reaction[S]) bool { return slices.ContainsFunc(rule.To, r.reached) }
		r.want(slices.ContainsFunc(rules, leads), "no rule leads to %v", r.after.State)
		r.want(r.last().Event == name, "the history does not have event %q", name)
		r.checkOrder()
	case len(rules) > 0:
		r.checkEventWithoutTransition(rules)
	default:
		r.wantRan("finally")
		want := fsm.ErrUnknownEvent
		if slices.Contains(r.def.Events(), name) {
			want = fsm.ErrUnhandled
		}
		r.want(r.probe.unhandled || errors.Is(r.err, want), "want error %v", want)
	}
}

// checkEventWithoutTransition checks an event that has rules and led to no transition: it
// was ignored, handled in place, or refused.
func (r *result[S]) checkEventWithoutTransition(rules []fsm.Reaction[S]) {
	first := rules[0]
	unguarded := len(first.Guards) == 0
	ignored := func(rule fsm.Reaction[S]) bool { return rule.Ignored }
	internal := func(rule fsm.Reaction[S]) bool { return rule.Internal }
	switch {
	case first.Ignored && unguarded:
		r.want(r.err == nil, "an ignored event failed")
		r.wantRan()
	case r.err == nil && len(r.withoutParents(0)) == 0:
		r.want(slices.ContainsFunc(rules, ignored), "no hook ran, but no rule ignores the event")
	case slices.Contains(r.lines, "after"):
		r.want(slices.ContainsFunc(rules, internal), "the event was handled in place, but no rule is internal")
		r.wantRan("before", "after", "finally")
	case first.Internal:
		r.checkRefusal(!unguarded)
	default:
		guarded := len(first.To) != 1
		for _, rule := range rules {
			guarded = guarded || len(rule.Guards) > 0 || len(rule.To) > 1
			for _, to := range rule.To {
				guarded = guarded || r.guarded(rule.From, to)
			}
		}
		r.checkRefusal(guarded)
	}
}

// checkRefusal checks that a guard or a before hook of the definition refused the call.
// guarded tells whether the call had guards to pass.
func (r *result[S]) checkRefusal(guarded bool) {
	r.want(r.err != nil, "the call succeeded without a transition")
	_, byGuard := errors.AsType[*fsm.GuardError](r.err)
	r.want(guarded || !byGuard, "a guard refused, but the definition has none here")

	lines := r.withoutParents(1)
	// If a before hook refused, the guard of the target has run as well.
	target := r.before.State
	if refused, ok := errors.AsType[*fsm.TransitionError[S]](r.err); ok {
		target = refused.To
	}
	if len(lines) == 2 && lines[0] == stateLine("guard", target) {
		lines = lines[1:]
	}
	r.want(slices.Equal(lines, []string{"finally"}), "a refused call runs no more than guards and finally hooks")
	r.wantOutcome()
}

// withoutParents returns the trace without the guards of parents at its beginning, as far as it
// has more than n lines. They ran for candidates of an event that the guard of a child refused.
func (r *result[S]) withoutParents(n int) []string {
	lines := r.lines
	for len(lines) > n && slices.ContainsFunc(r.def.States(), func(s S) bool { return len(r.def.Children(s)) > 0 && lines[0] == stateLine("guard", s) }) {
		lines = lines[1:]
	}
	return lines
}

// guarded reports whether guards may refuse an edge. The guards of an edge to a history
// state depend on the memory of the machine.
func (r *result[S]) guarded(from, to S) bool {
	_, _, history := r.def.HistoryState(to)
	return history || len(r.def.Guards(from, to)) > 0
}

// reached reports whether a transition to a target may end in the state after the call.
func (r *result[S]) reached(target S) bool {
	if of, _, history := r.def.HistoryState(target); history {
		return r.def.In(r.after.State, of)
	}
	self := r.after.State == r.before.State && r.def.In(r.before.State, target) && r.def.Can(target, target)
	return self || r.after.State == initialLeaf(r.def, target)
}

// checkOrder checks the order of a transition that was committed.
func (r *result[S]) checkOrder() {
	hierarchy := order.Hierarchy[S](r.def.Parent)
	from, leaf := r.before.State, r.after.State

	// The trace has the edge.
	targets := r.def.Next(from)
	i := slices.IndexFunc(targets, func(to S) bool { return slices.Contains(r.lines, edgeLine(from, to)) })
	r.want(i >= 0, "the hook of no edge ran")
	target := targets[i]
	r.taken[edgeLine(from, target)] = true

	// The source is the state that lists the edge in the table: the outermost that has it.
	source := from
	for _, s := range hierarchy.Lineage(from) {
		if !r.def.Can(s, target) {
			break
		}
		source = s
	}

	// The goal is the target after history states are resolved. One of a parent that was never
	// left stands for a child, also if it is deep.
	goal, local := target, r.isLocal(source, target)
	if of, deep, history := r.def.HistoryState(target); history {
		left := hierarchy.Within(from, of) && (source == of && !local || !hierarchy.Within(source, of)) ||
			slices.ContainsFunc(r.before.HistoryStates, func(h fsm.HistoryState[S]) bool { return h.Parent == of })
		if goal = leaf; !deep || !left {
			lineage := hierarchy.Lineage(leaf)
			goal = lineage[slices.Index(lineage, of)-1]
		}
	}

	if source == target && !slices.Contains(r.lines, stateLine("exit", from)) { // by a Self rule
		r.wantRan(stateLine("guard", target), "before", edgeLine(from, target), "after", "finally")
	} else {
		lines := func(point string, states []S) (lines []string) {
			for _, s := range states {
				lines = append(lines, stateLine(point, s))
			}
			return lines
		}
		exits, entries := hierarchy.Exits(from, source, goal, local), hierarchy.Entries(source, goal, leaf, local)
		r.wantRan(slices.Concat(lines("guard", entries), []string{"before"}, lines("exit", exits), []string{edgeLine(from, target)},
			lines("enter", entries), []string{"after", "finally"})...)
	}
	if r.err != nil {
		failed, ok := errors.AsType[*fsm.TransitionError[S]](r.err)
		r.want(ok && failed.Moved, "the error does not say that the machine moved")
	}
}

// isLocal reports whether an edge is one of a Local rule.
func (r *result[S]) isLocal(source, target S) bool {
	return slices.ContainsFunc(r.def.Edges(), func(e fsm.Edge[S]) bool {
		return e.From == source && e.To == target && e.Kind == fsm.EdgeLocal
	})
}

// wantRan checks the lines of the trace.
func (r *result[S]) wantRan(lines ...string) {
	ran := r.lines
	if r.candidates > 1 {
		ran = r.withoutParents(len(lines))
	}
	r.want(slices.Equal(ran, lines), "want ran: %q", lines)
	if len(lines) > 0 {
		r.wantOutcome()
	}
}

// wantOutcome checks that the finally hooks and the caller got the same error.
func (r *result[S]) wantOutcome() {
	r.want(r.err == r.outcome, "the finally hooks got %v", r.outcome)
}
