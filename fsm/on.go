package fsm

import (
	"context"
	"fmt"
	"slices"
)

// Source says in which states a rule for an event holds: [From] or [FromAny].
type Source[S comparable] struct {
	states []S
	any    bool
}

// From names the states in which a rule for an event holds.
func From[S comparable](states ...S) Source[S] { return Source[S]{states: states} }

// FromAny lets a rule for an event hold in every state that has an edge for it,
// but for those that another rule for the same event names with [From]: there
// only that one counts. An [Internal] or [Ignore] rule needs no edge.
func FromAny[S comparable]() Source[S] { return Source[S]{any: true} }

// RuleOption adds typed user code to a rule for an event: [If] and [Do].
type RuleOption[S comparable, A any] struct {
	name  string
	check call[S]
	act   call[S]
	isDo  bool
}

// If makes a rule a candidate: it applies only if check returns nil. Further
// rules for the same event and state are asked in the order in which they are
// given, and the first is taken all of whose guards pass: its own, then those of
// its edge ([GuardEdge]), then those of its target ([Guard]). If none is left
// the event is vetoed, and the error names the guard that refused each.
func If[S comparable, A any](name string, check func(context.Context, Transition[S], A) error) RuleOption[S, A] {
	return RuleOption[S, A]{name: name, check: carried(check)}
}

// Do runs when the event has moved the machine, after the exit and edge hooks
// and before the entry hooks; for an [Internal] rule, in place of the move. An
// error is like that of [OnExit].
func Do[S comparable, A any](run func(context.Context, Transition[S], A) error) RuleOption[S, A] {
	return RuleOption[S, A]{act: carried(run), isDo: true}
}

// On lets an event lead to a state. The table has to have the edge from every
// source; for a state as its own target, by a [Self] or [Reenter] rule.
// Different targets for different sources are several rules.
func On[S comparable, A any](e Event[A], from Source[S], to S, details ...RuleOption[S, A]) Rule[S] {
	return bound(binding[S]{event: e.event, from: from, kind: leads, to: []S{to}}, details)
}

// Choose lets an event lead to the state that choose returns, which has to be
// one of those in to, and to be an edge of the table. If it fails the event fails
// with its error, if it returns anything else with [ErrInvalidTransition], and no further
// candidate is asked. Guards of the edge and of the state that it returns may
// refuse like any other. To choose, its [Transition] leads from the state to itself.
func Choose[S comparable, A any](e Event[A], from Source[S], choose func(context.Context, Transition[S], A) (S, error), to []S, details ...RuleOption[S, A]) Rule[S] {
	b := binding[S]{event: e.event, from: from, kind: chooses, to: to}
	if choose != nil {
		b.choose = func(ctx context.Context, t Transition[S], a argument) (S, error) {
			return choose(ctx, t, a.(*box[A]).value)
		}
	}
	return bound(b, details)
}

// Internal lets a state handle an event and stay as it is: guards, before hooks,
// the rule's own [Do] and after hooks run, but no exit, edge or entry hook, and
// nothing is committed: no number, no entry in the history, no write, nothing for
// subscribers. To its hooks it is a [Transition] with number 0 from the state to
// itself. Compare [Self] and [Reenter].
func Internal[S comparable, A any](e Event[A], in Source[S], details ...RuleOption[S, A]) Rule[S] {
	return bound(binding[S]{event: e.event, from: in, kind: stays}, details)
}

// Ignore lets an event pass in some states: firing it there does nothing at all,
// successfully. It is refused if the term has ended, like any.
func Ignore[S comparable, A any](e Event[A], in Source[S]) Rule[S] {
	return bound[S, A](binding[S]{event: e.event, from: in, kind: ignores}, nil)
}

// kind is what a rule for an event does.
type kind uint8

const (
	leads kind = iota
	chooses
	stays
	ignores
)

// binding is a rule for an event, as given.
type binding[S comparable] struct {
	event  *event
	from   Source[S]
	kind   kind
	to     []S
	choose func(context.Context, Transition[S], argument) (S, error)
	guards []check[S]
	acts   []call[S]
	used   bool // a rule for any state that holds somewhere
}

// check is a guard that may look at an argument.
type check[S comparable] struct {
	name string
	ask  call[S]
}

func bound[S comparable, A any](b binding[S], details []RuleOption[S, A]) Rule[S] {
	for _, detail := range details {
		if detail.isDo {
			b.acts = append(b.acts, detail.act)
		} else {
			b.guards = append(b.guards, check[S]{detail.name, detail.check})
		}
	}
	b.from.states, b.to = slices.Clone(b.from.states), slices.Clone(b.to)
	return Rule[S]{bind: func(d *Definition[S], found *problems) { // once for each definition with the rule
		b.inspect(found)
		if b.event != nil {
			d.bindings = append(d.bindings, b)
		}
	}}
}

func (b *binding[S]) String() string {
	from := "any state"
	if !b.from.any {
		from = fmt.Sprintf("%q", printed(b.from.states))
	}
	return fmt.Sprintf("event %q from %s", Event[NoArg]{b.event}.Name(), from)
}
