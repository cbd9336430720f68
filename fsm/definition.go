package fsm

import (
	"context"
	"fmt"
	"slices"
)

// Definition is a checked table with its rules. It is immutable, safe for use
// by any number of goroutines, and shared by its machines. Its zero value is of
// no use: it comes from [Define], [MustDefine] or [Definition.With].
type Definition[S comparable] struct {
	table *graph[S] // as given
	graph *graph[S] // with the edges that rules have added: from a state to itself
	rules []Rule[S] // as given; With compiles them again beside its own

	// The rules, compiled.
	places    []place[S] // by state
	unruled   edge[S]    // stands for every edge about which nothing is said
	bindings  []binding[S]
	events    []*event // in the order in which rules name them
	curious   []*event // those whose arguments some rule looks at
	before    []hook[S]
	after     []hook[S]
	finals    []func(context.Context, Transition[S], error)
	unhandled func(context.Context, *EventError[S]) error
	encode    func(Snapshot[S]) ([]byte, error)
	ends      []S  // what Final names
	bare      bool // no guard and no hook: a transition runs no user code
}

// place is what the rules say about one state.
type place[S comparable] struct {
	guards   []guard[S]
	exit     []hook[S]
	enter    []hook[S]
	edges    []edge[S] // by place among the targets; nil if nothing is said
	handlers []handler[S]
	handled  []string // the names of the events that are handled, for showing
	self     selfKind
}

// edge is what the rules say about one edge.
type edge[S comparable] struct {
	guards []guard[S]
	along  []hook[S]
}

// selfKind is how a state may be its own target.
type selfKind uint8

const (
	noSelf    selfKind = iota
	remaining          // Self: it is not left
	reentered          // Reenter
)

type guard[S comparable] struct {
	name  string
	check hook[S]
}

// hook is the shape of all user code that runs in a transition.
type hook[S comparable] = func(context.Context, Transition[S]) error

// Define checks a table and its rules and compiles them. It copies the table.
//
// Everything wrong is reported at once, in one *[DefinitionError]:
//
//   - of the table: an initial state or a target that is not a key of it, a
//     target listed twice, a state that lists itself or cannot be reached, states
//     that print alike, more than 65535 states;
//   - of rules: one for an unknown state or for an edge that the table has not,
//     one without a function, a guard without a name or with the name of another
//     guard of its state, edge or candidate, a second Encode or Unhandled, a
//     state with both Self and Reenter;
//   - of events: one without a name or with the name of another, without a source,
//     with an edge that the table has not, with a rule that is given twice or that
//     is never reached because the one before it has no guard (two rules for any
//     state included), ignored where it is handled, and a rule for any state that
//     applies nowhere;
//   - with a [Final] rule, of ends: a state without a way out that it does not
//     name, one that it names and that has a way out, and one from which no way
//     leads to any that it names.
func Define[S comparable](initial S, table Table[S], rules ...Rule[S]) (*Definition[S], error) {
	var found problems
	d := &Definition[S]{table: compile(initial, table, &found)}
	if len(d.table.states) > 0 {
		d.bind(rules, &found)
	}
	return checked(d, found)
}

// MustDefine is [Define] for package variables: it panics with the error.
func MustDefine[S comparable](initial S, table Table[S], rules ...Rule[S]) *Definition[S] {
	d, err := Define(initial, table, rules...)
	if err != nil {
		panic(fmt.Errorf("fsm: %w", err))
	}
	return d
}

// With returns a definition with more rules on the same compiled table. They
// come after those that d has. It fails like [Define].
func (d *Definition[S]) With(rules ...Rule[S]) (*Definition[S], error) {
	var found problems
	derived := &Definition[S]{table: d.table}
	derived.bind(slices.Concat(d.rules, rules), &found)
	return checked(derived, found)
}

func checked[S comparable](d *Definition[S], found problems) (*Definition[S], error) {
	if err := found.err(); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *Definition[S]) bind(rules []Rule[S], found *problems) {
	d.rules = slices.Clone(rules)
	d.graph = d.table
	d.places = make([]place[S], len(d.graph.states))
	d.bare = true
	for _, r := range rules { // what adds edges comes before what is about edges
		if r.shape != nil {
			r.shape(d, found)
		}
	}
	d.graph = d.table.withSelves(func(i int) bool { return d.places[i].self != noSelf })
	for _, r := range rules {
		if r.bind != nil {
			r.bind(d, found)
		} else if r.shape == nil {
			found.add("a rule is empty")
		}
	}
	d.handle(found)
	d.checkEnds(found)
}

// along returns what is said about an edge; for an unknown one as place does.
func (d *Definition[S]) along(rule string, from, to S, found *problems) *edge[S] {
	p := d.place(rule, from, found)
	d.place(rule, to, found)
	i, known := d.graph.index[from]
	at, _, ok := d.graph.edge(i, to)
	if _, target := d.graph.index[to]; known && target && !ok {
		found.add("%s is for %q -> %q, which is not in the table", rule, label(from), label(to))
	}
	if !known || !ok {
		return new(edge[S])
	}
	if p.edges == nil {
		p.edges = make([]edge[S], len(d.graph.targets[i]))
	}
	return &p.edges[at]
}

// place returns what is said about a state. A rule for an unknown one is
// reported and gets a place that leads nowhere, so that its other mistakes are
// found too.
func (d *Definition[S]) place(rule string, s S, found *problems) *place[S] {
	i, ok := d.graph.index[s]
	if !ok {
		found.add("%s is for %q, which is not in the table", rule, label(s))
		return new(place[S])
	}
	return &d.places[i]
}

// Initial returns the state in which a machine begins.
func (d *Definition[S]) Initial() S { return d.graph.states[0] }

// States returns all states: the initial one first, then breadth first, the
// targets of each state in the order of the table.
func (d *Definition[S]) States() []S { return slices.Clone(d.graph.states) }

// Next returns the states to which from may lead, in the order of the table:
// none for a final state, nor for one that is not in the table.
func (d *Definition[S]) Next(from S) []S {
	i, ok := d.graph.index[from]
	if !ok {
		return nil
	}
	return slices.Clone(d.graph.next[i])
}

// Can reports whether the table has an edge between two states. Guards have no
// say in it.
func (d *Definition[S]) Can(from, to S) bool {
	i, ok := d.graph.index[from]
	if !ok {
		return false
	}
	_, _, ok = d.graph.edge(i, to)
	return ok
}
