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
	graph *graph[S] // with the edges that rules have added, and those of the states around each
	tree  *tree     // how the states lie within each other; graph has it too
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
	timeouts  []timeout[S]
	overdue   []func(context.Context, *TransitionError[S])
	ends      []S    // what Final names
	start     uint16 // the leaf in which a machine begins
	mark      string // see Fingerprint
	bare      bool   // no user code, no hierarchy and no timeouts: a transition is a step and no more
}

// place is what the rules say about one state.
type place[S comparable] struct {
	guards   []guard[S]
	exit     []hook[S]
	enter    []hook[S]
	edges    []edge[S] // by place among the targets; nil if nothing is said
	handlers []handler[S]
	handled  []string // the names of the events that are handled, for showing
	timeouts []uint16 // by place in the definition's
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
//     guard of its state, edge or candidate, a second Encode or OnUnhandled, a
//     state with both Self and Reenter;
//   - of events: one without a name or with the name of another, without a source,
//     with an edge that the table has not, with a rule that is given twice or that
//     is never reached because the one before it has no guard (two rules for any
//     state included), ignored where it is handled, and a rule for any state that
//     applies nowhere;
//   - of a hierarchy: a state within itself, in two others or twice in one, a parent
//     with nothing within it, an edge that a state lists and one around it too, and a
//     history state that leads somewhere, lies somewhere, or is of a leaf;
//   - of timeouts: one that is not positive, that has no edge in the table or is given
//     twice, and a circle of states out of which nothing but timeouts leads;
//   - with a [Final] rule, of ends: a state without a way out that it does not
//     name, one that it names and that has a way out, and one from which no way
//     leads to any that it names.
func Define[S comparable](initial S, table Table[S], rules ...Rule[S]) (*Definition[S], error) {
	var found problems
	inner := make(map[S][]S)
	for _, r := range rules {
		if r.order != nil {
			r.order(inner)
		}
	}
	d := &Definition[S]{table: compile(initial, table, inner, &found)}
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
	for _, r := range rules { // what adds edges comes before what is about edges
		if r.shape != nil {
			r.shape(d, found)
		}
	}
	d.graph = d.table.withSelves(func(i int) bool { return d.places[i].self != noSelf })
	d.checkTree(found)
	d.graph = d.graph.inherit(d.tree, found)
	d.start, d.bare, d.mark = d.tree.initial(0), d.tree == nil, d.fingerprint()
	for _, r := range rules {
		if r.bind != nil {
			r.bind(d, found)
		} else if r.shape == nil {
			found.add("a rule is empty")
		}
	}
	d.passDown()
	d.handle(found)
	d.checkReach(found)
	d.checkEnds(found)
	d.checkTimeouts(found)
}

// passDown adds to what is said about the edges of each state what is said about
// those that it has from the states around it.
func (d *Definition[S]) passDown() {
	t := d.graph.tree
	if t == nil {
		return
	}
	whole := make([][]edge[S], len(d.places))
	for i := range d.places {
		for at, to := range d.graph.targets[i] {
			var e edge[S]
			for s := range t.upward(uint16(i), t.outer(t.declared[i][at])) {
				if said := d.edgeRules(s, slices.Index(d.graph.targets[s], to)); said != &d.unruled {
					e.guards, e.along = append(e.guards, said.guards...), append(e.along, said.along...)
				}
			}
			whole[i] = append(whole[i], e)
		}
	}
	for i := range d.places {
		d.places[i].edges = whole[i]
	}
}

// checkReach reports the states in which no machine will ever be.
func (d *Definition[S]) checkReach(found *problems) {
	if !d.graph.rooted { // then nothing can be reached, and that is said already
		return
	}
	reached := d.spread(d.start).met
	for s := range d.graph.tree.upward(d.start, none) {
		reached[s] = true
	}
	for i, s := range d.graph.states {
		if !reached[i] {
			found.add("%q cannot be reached from %q", label(s), label(d.graph.states[0]))
		}
	}
}

// along returns what is said about an edge; for an unknown one as place does.
func (d *Definition[S]) along(rule string, from, to S, found *problems) *edge[S] {
	p := d.place(rule, from, found)
	_, target := d.number(rule, to, found)
	i, known := d.graph.index[from]
	at, _, ok := d.graph.edge(i, to)
	if known && target && !ok {
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
	i, ok := d.number(rule, s, found)
	if ok && d.isHistory(i) {
		found.add("%s is for %q, which is a history state", rule, label(s))
		ok = false
	}
	if !ok {
		return new(place[S])
	}
	return &d.places[i]
}

// Initial returns the state in which a machine begins: with a hierarchy, the leaf
// that is entered with the initial state.
func (d *Definition[S]) Initial() S { return d.graph.states[d.start] }

// States returns all states: the initial one first, then breadth first, the
// targets of each state in the order of the table.
func (d *Definition[S]) States() []S { return slices.Clone(d.graph.states) }

// Next returns the states to which from may lead, in the order of the table, and
// then those to which the states around it lead: none for a final state, nor for one
// that is not in the table.
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
