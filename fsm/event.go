package fsm

import (
	"context"
	"slices"
)

// Event is something that happens to a machine, with an argument of type A. It is
// declared once, as a value, and compared by identity: two events with one name are
// two events. Rules give its effect in each state: [On], [Choose], [Internal], [Ignore] and
// [OfferToParent]. An event may serve any number of definitions. It comes from [NewEvent] or
// [NewSignal]; its zero value is of no use.
type Event[A any] struct{ *event }

// Signal is an event without an argument.
type Signal = Event[NoArg]

// NoArg is the argument of a [Signal].
type NoArg = struct{}

// event is an event without the type of its argument.
type event struct {
	name   string
	signal argument // the argument of a signal; nil for other events
}

// NewEvent returns a new event with an argument of type A:
//
//	var Start = fsm.NewEvent[Boot]("start")
//
// The name is for people, in errors, histories and drawings. A definition refuses an
// empty name, one that is not UTF-8, and two events with one name.
func NewEvent[A any](name string) Event[A] {
	e := Event[A]{&event{name: name}}
	if _, signal := any(e).(Signal); signal {
		e.signal = &boxed[NoArg]{}
	}
	return e
}

// NewSignal returns a new event without an argument.
func NewSignal(name string) Signal { return NewEvent[NoArg](name) }

// Name returns the event's name; the zero Event has none.
func (e Event[A]) Name() string { return e.event.text() }

func (e *event) text() string {
	if e == nil {
		return ""
	}
	return e.name
}

// argument is the argument of an event under way. The rule that opens it has the
// event's type, so the type inside is known.
type argument interface{ sealed() }

type boxed[A any] struct{ value A }

func (*boxed[A]) sealed() {}

// Source lists the states of a rule for an event: [From] or [FromAny].
type Source[S comparable] struct {
	states []S
	any    bool
}

// From names the states of a rule.
func From[S comparable](states ...S) Source[S] { return Source[S]{states: states} }

// FromAny makes a rule hold in every state that has an edge for it, except the states
// that another rule for the same event names with [From]. An [Internal] or [Ignore]
// rule needs no edge.
func FromAny[S comparable]() Source[S] { return Source[S]{any: true} }

// RuleOption adds typed code to a rule for an event: [If] and [Do].
type RuleOption[S comparable, A any] struct {
	name  string
	check argumentHook[S] // of If
	act   argumentHook[S] // of Do
	isDo  bool
}

// If makes a rule a candidate: it is taken only if check returns nil. Rules for the
// same event and state are tried in the order given. The guards of a rule are its own,
// then the guards of its edge ([GuardEdge]), then the guards of its target ([Guard]).
// The first rule that passes all its guards is taken. If none is left, the event is
// vetoed, and the error names the guard that refused each candidate.
func If[S comparable, A any](name string, check func(context.Context, Transition[S], A) error) RuleOption[S, A] {
	return RuleOption[S, A]{name: name, check: untyped(check)}
}

// Do runs once the event has moved the machine, between the edge hooks and the entry
// hooks; for an [Internal] rule, in place of the move. An error is treated as that of
// [OnExit]. The argument of a signal is a [NoArg].
func Do[S comparable, A any](run func(context.Context, Transition[S], A) error) RuleOption[S, A] {
	return RuleOption[S, A]{act: untyped(run), isDo: true}
}

// On makes an event lead to a state. The table must have an edge to it from every
// source; for a state that is its own target, that is a [Self] or [Reenter] rule.
// Different targets for different sources take several rules.
func On[S comparable, A any](e Event[A], from Source[S], to S, options ...RuleOption[S, A]) Rule[S] {
	return newEventRule(eventRule[S]{event: e.event, source: from, kind: leads, to: []S{to}}, options)
}

// Choose makes an event lead to the state that choose returns, which must be one of
// to, by an edge of the table. If choose fails, the event fails with its error; if it
// returns any other state, with [ErrInvalidTransition]; no further candidate is tried
// then. Guards of the chosen edge and state may refuse as usual. The [Transition] that
// choose gets leads from the state to itself.
func Choose[S comparable, A any](e Event[A], from Source[S], choose func(context.Context, Transition[S], A) (S, error), to []S, options ...RuleOption[S, A]) Rule[S] {
	rule := eventRule[S]{event: e.event, source: from, kind: chooses, to: to}
	if choose != nil {
		rule.choose = func(ctx context.Context, t Transition[S], a argument) (S, error) {
			return choose(ctx, t, a.(*boxed[A]).value)
		}
	}
	return newEventRule(rule, options)
}

// Internal makes a state handle an event without a transition. Guards, before hooks,
// the rule's own [Do] and after hooks run. Exit, edge and entry hooks do not, and
// nothing is committed: no number, no history entry, no write, no notification. The
// hooks get a [Transition] with number 0 from the state to itself. Compare [Self] and
// [Reenter].
func Internal[S comparable, A any](e Event[A], in Source[S], options ...RuleOption[S, A]) Rule[S] {
	return newEventRule(eventRule[S]{event: e.event, source: in, kind: internal}, options)
}

// Ignore makes an event succeed without any effect in some states. As every change
// does, it fails once the machine's lease has ended.
func Ignore[S comparable, A any](e Event[A], in Source[S]) Rule[S] {
	return newEventRule[S, A](eventRule[S]{event: e.event, source: in, kind: ignored}, nil)
}

// OfferToParent offers an event that was refused to the state around. If the guards of all rules
// for it in one of the states refuse, the rules of the state around are tried or, after the
// outermost state with rules, the [FromAny] rules. UML and SCXML do so always. The candidates of
// the state come first then, and its parent's follow; if all refuse, the error names the guards
// in this order. An error of a [Choose] ends the event as usual.
//
// Each state has to have rules for the event, all of them guarded, and another has to follow;
// with FromAny the rule holds in every such state. To try a rule of a parent before the rules of
// its children, name the children in it, and give it first:
//
//	fsm.On(Stop, fsm.From(Warming, Active), Stopped, fsm.If("power is out", powerIsOut)),
//	fsm.Internal(Stop, fsm.From(Warming)), // unless the power is out
func OfferToParent[S comparable, A any](e Event[A], in Source[S]) Rule[S] {
	return newEventRule[S, A](eventRule[S]{event: e.event, source: in, kind: offered}, nil)
}

// eventRule is a rule for one event.
type eventRule[S comparable] struct {
	event  *event
	source Source[S]
	kind   eventKind
	to     []S // the target, or those among which choose may choose
	choose func(context.Context, Transition[S], argument) (S, error)
	guards []argumentGuard[S]
	acts   []argumentHook[S]
}

// eventKind is the effect of a rule for an event.
type eventKind uint8

const (
	leads eventKind = iota
	chooses
	internal
	ignored
	offered // OfferToParent: no candidate, but where to look for more
)

// argumentHook is the code of an [If] or [Do].
type argumentHook[S comparable] = func(context.Context, Transition[S], argument) error

// argumentGuard is an [If] with its name.
type argumentGuard[S comparable] struct {
	name  string
	check argumentHook[S]
}

func untyped[S comparable, A any](run func(context.Context, Transition[S], A) error) argumentHook[S] {
	if run == nil {
		return nil
	}
	return func(ctx context.Context, t Transition[S], a argument) error { return run(ctx, t, a.(*boxed[A]).value) }
}

func newEventRule[S comparable, A any](rule eventRule[S], options []RuleOption[S, A]) Rule[S] {
	for _, o := range options {
		if o.isDo {
			rule.acts = append(rule.acts, o.act)
		} else {
			rule.guards = append(rule.guards, argumentGuard[S]{o.name, o.check})
		}
	}
	rule.source.states, rule.to = slices.Clone(rule.source.states), slices.Clone(rule.to)
	return Rule[S]{&rule}
}
