package fsm

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Definition is a checked table with its rules. It is immutable and may be shared by any
// number of machines and goroutines. It comes from [Define], [MustDefine] or
// [Definition.With]; its zero value is of no use.
type Definition[S comparable] struct {
	// As given.
	initial S
	table   Table[S]
	rules   []Rule[S]

	// States by ID, which is their place in the order of States.
	states    []S
	ids       map[S]graph.ID
	graph     *graph.Graph[hook[S]]
	permitted [][]S    // by ID: the targets of the state's edges; for errors and for Next
	start     graph.ID // the leaf in which a machine begins

	// Rules for events. Events are in the order of their first rule.
	events    []*event
	read      []*event       // the events whose argument some rule reads
	handlers  [][]handler[S] // by ID: one for each event that has rules in the state
	handled   [][]string     // by ID: the names of the events that are not ignored
	unhandled func(context.Context, *EventError[S]) error

	// Hooks of every transition.
	before  []hook[S]
	after   []hook[S]
	finally []func(context.Context, Transition[S], error)

	timeouts       []timeout[S]
	timeoutsOf     [][]uint16 // by ID: places in timeouts
	onTimeoutError []func(context.Context, *TransitionError[S])

	encode      func(context.Context, Snapshot[S]) ([]byte, error)
	requires    []*dataKey
	final       []S
	fingerprint string
	forms       atomic.Pointer[forms] // nil until they are needed

	// asks: user code may run before a commit: guards, before hooks, choices, durations.
	asks bool
	// acts: hooks may run after a commit.
	acts bool
	// plain: no user code, hierarchy or timeouts, so that a transition is an entry in
	// the history and no more.
	plain bool
	// stateful: machines have a memory for history states, or timeouts.
	stateful bool
}

// handler holds the rules for one event in one state.
type handler[S comparable] struct {
	event      *event
	number     uint16 // of the event in the definition, from 1
	candidates []candidate[S]
}

// candidate is a rule for an event in one state.
type candidate[S comparable] struct {
	kind   eventKind
	edge   *graph.Edge[hook[S]] // of a rule that leads
	among  []S                  // the declared targets
	choose func(context.Context, Transition[S], argument) (S, error)
	guards []argumentGuard[S]
	acts   []argumentHook[S]
}

// timeout is a compiled timeoutRule.
type timeout[S comparable] struct {
	timeoutRule[S]
	id graph.ID // of its state
}

// cause is the cause that the history keeps of a timeout.
func (t *timeout[S]) cause() string { return fmt.Sprintf("timeout after %s in %v", t.name, t.state) }

// Define checks a table and its rules and compiles them. It copies the table.
//
// All mistakes are reported at once, in one *[DefinitionError]:
//
//   - Table: an initial state or a target that is not a key, a target that is listed
//     twice, a state that lists itself or cannot be reached, states that print alike, more
//     than 65535 states.
//   - Rules: a rule for an unknown state or edge, a rule without a function, a guard without
//     a name or with the name of another guard of its state, edge or candidate, a second
//     [Encode] or [OnUnhandled] rule, a state with both [Self] and [Reenter].
//   - Events: an event without a name or with the name of another, a rule without a source,
//     for an edge that the table does not have, that is given twice, or that is never
//     reached because the rule before it has no guard (two [FromAny] rules included), an
//     event that is both ignored and handled in a state, a FromAny rule that applies
//     nowhere, and an [OfferToParent] rule without effect.
//   - Hierarchy: a state within itself, in two parents, or twice in one, a parent without
//     children, an edge that both a state and a state around it list, a history state that
//     has edges, lies in another state, or is of a leaf, and a [Local] rule for a target that
//     is not within the state, or that the state does not list.
//   - Timeouts: a duration that is not positive, a timeout without an edge or given twice,
//     a circle of states that only timeouts leave and no [TimeoutCycle] names, and a
//     TimeoutCycle that names another state.
//   - Ends, with a [Final] rule: a leaf without edges that the rule does not name, one with
//     edges that it names, and one that leads to no final state.
//
// It panics if a target or a state of a rule cannot be hashed, as a map in an interface.
// Elsewhere such a value is an unknown state.
func Define[S comparable](initial S, table Table[S], rules ...Rule[S]) (*Definition[S], error) {
	return compile(initial, table.clone(), slices.Clone(rules))
}

// MustDefine is [Define] for package variables. It panics with the error.
func MustDefine[S comparable](initial S, table Table[S], rules ...Rule[S]) *Definition[S] {
	d, err := Define(initial, table, rules...)
	if err != nil {
		panic(fmt.Errorf("fsm: %w", err))
	}
	return d
}

// With returns a definition of the same table with the rules of d and more. It fails like
// [Define].
func (d *Definition[S]) With(rules ...Rule[S]) (*Definition[S], error) {
	return compile(d.initial, d.table, slices.Concat(d.rules, rules))
}

// find returns the ID of a state. A value that cannot be hashed, as a map in an interface, is
// no state.
func (d *Definition[S]) find(s S) (graph.ID, bool) { return lookup(d.ids, s) }

// lookup finds no value for a key that cannot be hashed.
func lookup[K comparable, V any](m map[K]V, key K) (value V, ok bool) {
	defer func() { _ = recover() }() // of the hash
	value, ok = m[key]
	return value, ok
}

// equal reports whether two values are equal. Values that cannot be compared are not.
func equal[S comparable](a, b S) (same bool) {
	defer func() { _ = recover() }() // of the comparison
	return a == b
}

// edge finds the edge from one state to another, or returns nil. Comparing the few states
// that are permitted costs less than hashing one.
func (d *Definition[S]) edge(from graph.ID, to S) *graph.Edge[hook[S]] {
	for i, s := range d.permitted[from] {
		if s == to {
			return &d.graph.Nodes[from].Edges[i]
		}
	}
	return nil
}

// handler finds the rules for an event in a state, or returns nil.
func (d *Definition[S]) handler(s graph.ID, e *event) *handler[S] {
	handlers := d.handlers[s]
	for i := range handlers {
		if handlers[i].event == e {
			return &handlers[i]
		}
	}
	return nil
}

// Initial returns the first state of a machine: the leaf that is entered with the initial
// state.
func (d *Definition[S]) Initial() S { return d.states[d.start] }

// States returns all states: the initial one, then breadth first the children of each
// state and its targets in the order of the table.
func (d *Definition[S]) States() []S { return slices.Clone(d.states) }

// Next returns the targets of a state in the order of the table, its own before inherited
// ones. It returns none for a final or unknown state.
func (d *Definition[S]) Next(from S) []S {
	id, ok := d.find(from)
	if !ok {
		return nil
	}
	return slices.Clone(d.permitted[id])
}

// Can reports whether the table has an edge from one state to another. It asks no guard.
func (d *Definition[S]) Can(from, to S) bool {
	id, ok := d.find(from)
	return ok && d.edge(id, to) != nil
}

// In reports whether a state is another or lies within it, at any depth.
func (d *Definition[S]) In(state, around S) bool {
	s, known := d.find(state)
	outer, also := d.find(around)
	return known && also && d.graph.Within(s, outer)
}

// Parent returns the state directly around another, if there is one.
func (d *Definition[S]) Parent(state S) (parent S, ok bool) {
	id, known := d.find(state)
	if !known || d.graph.Nodes[id].Parent == graph.None {
		return parent, false
	}
	return d.states[d.graph.Nodes[id].Parent], true
}

// Children returns the states directly within a state, the one that is entered with it
// first.
func (d *Definition[S]) Children(state S) []S {
	id, known := d.find(state)
	if !known {
		return nil
	}
	return d.named(d.graph.Nodes[id].Children)
}

// HistoryState returns the state that a history state stands for, and whether it is one.
func (d *Definition[S]) HistoryState(state S) (of S, deep, ok bool) {
	id, known := d.find(state)
	if !known || !d.graph.IsHistory(id) {
		return of, false, false
	}
	h := d.graph.Nodes[id].History
	return d.states[h.Of], h.Deep, true
}

// Path returns a shortest path from one state to another, both included: the first in the
// order of the table. It is nil if there is none, and one state if from lies in to.
//
// With a hierarchy these are the targets to ask for, one after the other, of a machine
// in from (or in the leaf that is entered with it), until it is in to. Some may be parents,
// or history states, which are taken to remember nothing.
func (d *Definition[S]) Path(from, to S) []S {
	source, known := d.find(from)
	target, also := d.find(to)
	if !known || !also {
		return nil
	}
	source = d.graph.InitialLeaf(source)
	if d.graph.Within(source, target) {
		return []S{from}
	}
	found := d.graph.Search(source)
	for _, leaf := range found.Leaves {
		if d.graph.Within(leaf, target) {
			return append([]S{from}, d.named(found.Path(source, leaf))...)
		}
	}
	return nil
}

// Reachable returns the states that can be reached from a state by at least one
// transition, in the order of [Definition.States]. A parent counts with the states within
// it; the state itself counts if a path leads back to it.
func (d *Definition[S]) Reachable(from S) []S {
	source, known := d.find(from)
	if !known {
		return nil
	}
	met := d.graph.Search(d.graph.InitialLeaf(source)).Met
	var states []S
	for id, s := range d.states {
		if met[id] && !d.graph.IsHistory(graph.ID(id)) {
			states = append(states, s)
		}
	}
	return states
}

func (d *Definition[S]) named(ids []graph.ID) []S {
	var states []S
	for _, id := range ids {
		states = append(states, d.states[id])
	}
	return states
}

// reads reports whether a rule could read an event's argument.
func (d *Definition[S]) reads(e *event) bool { return !d.plain && slices.Contains(d.read, e) }
