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
	graph *graph[S]
	rules []Rule[S] // as given; With compiles them again beside its own

	// The rules, compiled.
	places []place[S] // by state
	before []hook[S]
	after  []hook[S]
	encode func(Snapshot[S]) ([]byte, error)
	bare   bool // no guard and no hook: a transition runs no user code
}

// place is what the rules say about one state.
type place[S comparable] struct {
	guards []guard[S]
	exit   []hook[S]
	enter  []hook[S]
}

type guard[S comparable] struct {
	name  string
	check hook[S]
}

// hook is the shape of all user code that runs in a transition.
type hook[S comparable] = func(context.Context, Transition[S]) error

// Define checks a table and its rules and compiles them. It copies the table.
//
// Everything wrong is reported at once, in one *[DefinitionError]: an initial
// state or a target that is not a key of the table, a target listed twice, a
// state that lists itself or cannot be reached, states that print alike, more
// than 65535 states, a rule for an unknown state or without a function, a guard
// without a name or with the name of another guard of its state, and a second
// Encode.
func Define[S comparable](initial S, table Table[S], rules ...Rule[S]) (*Definition[S], error) {
	var found problems
	d := &Definition[S]{graph: compile(initial, table, &found)}
	if len(d.graph.states) > 0 {
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
	derived := &Definition[S]{graph: d.graph}
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
	d.places = make([]place[S], len(d.graph.states))
	d.bare = true
	for _, r := range rules {
		if r.bind == nil {
			found.add("a rule is empty")
			continue
		}
		r.bind(d, found)
	}
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
	_, ok = d.graph.edge(i, to)
	return ok
}
