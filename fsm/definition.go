package fsm

import (
	"cmp"
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
	// As given. States have IDs, their places in the order of States.
	ordered[S]
	rules []Rule[S]

	graph   *graph.Graph[hook[S]]
	targets [][]S    // by ID: the targets of the state's edges in the graph
	start   graph.ID // the leaf in which a machine begins

	// Rules for events. Events are in the order of their first rule, and numbered from 1.
	events    []*event
	numbers   map[*event]uint16
	read      []bool                      // by number: whether some rule reads the argument
	handlers  [][]handler[S]              // by ID: one for each event for which rules name the state
	inherited *graph.Index[*handler[S]]   // the handlers by number, for the states within; nil if scanning is as good
	anywhere  [][]candidate[S]            // by number: the FromAny rules; nil without any
	toward    map[graph.ID][]anywhereRule // by target: the FromAny rules that may lead there; with None those that need no edge
	handled   [][]string                  // by ID: the names of the events of handlers that are not ignored
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
	fingerprint func() string         // computed when it is first needed
	forms       atomic.Pointer[forms] // nil until they are needed

	// asks: user code may run before a commit: guards, before hooks, choices, durations.
	asks bool
	// acts: hooks may run after a commit.
	acts bool
	// plain: no user code, timeouts or history states, so that a transition is an entry in
	// the history and no more.
	plain bool
	// stateful: machines have a memory for history states, or timeouts.
	stateful bool
}

// handler holds the rules for one event that name one state.
type handler[S comparable] struct {
	event      *event
	number     uint16
	state      graph.ID
	offers     bool // OfferToParent: if all candidates refuse, those of the handler around follow, or the FromAny rules
	passes     bool // so do all handlers around: the FromAny rules are the last to follow
	candidates []candidate[S]
}

// candidate is a rule for an event in one state, or in any.
type candidate[S comparable] struct {
	*eventRule[S]
	edge *graph.Edge[hook[S]] // of a rule that leads from a named state
}

// anywhereRule is a FromAny rule: its place among those for the same event. They are in the
// order of numbers, then places.
type anywhereRule struct {
	number uint16
	place  int32
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
//     twice, a state that lists itself or cannot be reached, and states that print alike.
//   - Rules: a rule for an unknown state or edge, a rule without a function, a guard without
//     a name or with the name of another guard of its state, edge or candidate, a second
//     [Encode] or [OnUnhandled] rule, a state with both [Self] and [Reenter].
//   - Events: an event without a name, or with one that is not UTF-8 or is that of another
//     event, a rule without a source, for an edge that the table does not have, that is given
//     twice, or that is never reached because the rule before it has no guard (two [FromAny]
//     rules included), an event that is both ignored and handled in a state, a FromAny rule
//     that applies nowhere, and an [OfferToParent] rule without effect.
//   - Hierarchy: a state within itself, in two parents, or twice in one, a parent without
//     children, an edge that both a state and a state around it list, a history state that
//     has edges, lies in another state, or is of a leaf, and a [Local] rule for a target that
//     is not within the state, or that the state does not list.
//   - Timeouts: a duration that is not positive, a timeout without an edge or given twice,
//     a circle of states that only timeouts leave and no [TimeoutCycle] names, and a
//     TimeoutCycle that names another state.
//   - Ends, with a [Final] rule: a leaf without edges that the rule does not name, one with
//     edges that it names, and one that leads to no final state.
//   - Size: more than 65535 states or timeouts, or more than 65533 events.
//
// It panics if a target or a state of a rule cannot be hashed, as a map in an interface.
// Elsewhere an unhashable value is an unknown state.
func Define[S comparable](initial S, table Table[S], rules ...Rule[S]) (*Definition[S], error) {
	return compile(initial, table, slices.Clone(rules))
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
	table := make(Table[S], len(d.states))
	for id, s := range d.states {
		table[s] = d.lists[id]
	}
	return compile(d.states[0], table, slices.Concat(d.rules, rules))
}

// few is how many states or events are compared: a hash costs as much.
const few = 16

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
	compared := 0
	for s := from; s != graph.None; s = d.graph.Nodes[s].Parent {
		targets := d.targets[s]
		if compared += len(targets) + 1; compared > few+1 {
			id, known := d.find(to)
			if !known {
				return nil
			}
			return d.graph.Edge(from, id)
		}
		for i, target := range targets {
			if target == to {
				return &d.graph.Nodes[s].Edges[i]
			}
		}
	}
	return nil
}

// permitted returns the targets of a state's edges, for errors and for Next. A state that
// lies in no other has them all; they are shared.
func (d *Definition[S]) permitted(from graph.ID) []S {
	if d.graph.Nodes[from].Parent == graph.None {
		return d.targets[from]
	}
	var targets []S
	for e := range d.graph.Edges(from) {
		targets = append(targets, d.states[e.Target])
	}
	return targets
}

// number is the number of an event, or 0.
func (d *Definition[S]) number(e *event) uint16 {
	if len(d.events) <= few {
		return uint16(slices.Index(d.events, e) + 1)
	}
	return d.numbers[e]
}

// rulesIn returns the rules for an event that could hold in a state: the rules that name it;
// or else the rules of the nearest state around it with rules for the event; or else the
// FromAny rules. If a state offers the event to its parent, the rules that would hold
// without its own follow. Each rule holds if applies says so.
func (d *Definition[S]) rulesIn(s graph.ID, e *event) (rules []candidate[S], number uint16) {
	compared := 0
	for around := s; around != graph.None; around = d.graph.Nodes[around].Parent {
		own := d.handlers[around]
		if compared += len(own) + 1; compared > few+1 {
			break
		}
		for i := range own {
			if own[i].event == e {
				return d.withOffered(s, &own[i]), own[i].number
			}
		}
		if d.anywhere == nil && d.graph.Nodes[around].Parent == graph.None {
			return nil, 0
		}
	}
	number = d.number(e)
	return d.rulesFor(s, number), number
}

// rulesFor is rulesIn by the number of the event.
func (d *Definition[S]) rulesFor(s graph.ID, number uint16) []candidate[S] {
	if h := d.handler(s, number); h != nil {
		return d.withOffered(s, h)
	}
	return d.rulesAnywhere(s, number)
}

// withOffered returns the rules of a handler, and the rules that follow if they refuse.
func (d *Definition[S]) withOffered(s graph.ID, h *handler[S]) []candidate[S] {
	if !h.offers {
		return h.candidates
	}
	rules := slices.Clone(h.candidates)
	for h.offers {
		around := d.handlerAround(h)
		if around == nil {
			return append(rules, d.rulesAnywhere(s, h.number)...)
		}
		rules, h = append(rules, around.candidates...), around
	}
	return rules
}

// rulesAnywhere returns the FromAny rules for an event that could hold in a state.
func (d *Definition[S]) rulesAnywhere(s graph.ID, number uint16) []candidate[S] {
	if d.anywhere == nil {
		return nil
	}
	all := d.anywhere[number]
	if len(all) <= few {
		return all
	}
	var places []int32 // those for the targets of s, which may be far fewer
	pick := func(target graph.ID) {
		toward := d.toward[target]
		i, _ := slices.BinarySearchFunc(toward, number, func(r anywhereRule, n uint16) int { return cmp.Compare(r.number, n) })
		for ; i < len(toward) && toward[i].number == number; i++ {
			places = append(places, toward[i].place)
		}
	}
	pick(graph.None)
	for e := range d.graph.Edges(s) {
		pick(e.Target)
	}
	slices.Sort(places)
	var rules []candidate[S]
	for _, place := range slices.Compact(places) {
		rules = append(rules, all[place])
	}
	return rules
}

// handler finds the handler of a state for an event, or of the nearest state around it that
// has one.
func (d *Definition[S]) handler(s graph.ID, number uint16) *handler[S] {
	if d.inherited != nil {
		h, _ := d.inherited.Find(d.graph.Nodes[s].First, graph.ID(number))
		return h
	}
	for i := range d.handlers[s] {
		if h := &d.handlers[s][i]; h.number == number {
			return h
		}
	}
	return nil
}

// handlerAround finds the handler for the same event of the nearest state around, or nil.
func (d *Definition[S]) handlerAround(h *handler[S]) *handler[S] {
	parent := d.graph.Nodes[h.state].Parent
	if parent == graph.None {
		return nil
	}
	return d.handler(parent, h.number)
}

// applies reports whether a candidate holds in a state, and the edge that it leads along.
func (d *Definition[S]) applies(s graph.ID, c *candidate[S]) (*graph.Edge[hook[S]], bool) {
	switch {
	case c.edge != nil && c.edge.Declared == s:
		return c.edge, true
	case c.kind == leads:
		e := d.edge(s, c.to[0])
		return e, e != nil
	case c.kind == chooses && c.source.any:
		return nil, slices.ContainsFunc(c.to, func(to S) bool { return d.edge(s, to) != nil })
	}
	return nil, true
}

// eventsIn returns the numbers of the events that have rules in a state, in their order.
func (d *Definition[S]) eventsIn(s graph.ID) []uint16 {
	if d.graph.IsHistory(s) {
		return nil
	}
	var numbers []uint16
	for around := range d.graph.Up(s, graph.None) {
		for i := range d.handlers[around] {
			numbers = append(numbers, d.handlers[around][i].number)
		}
	}
	anywhere := func(toward graph.ID) {
		for _, rule := range d.toward[toward] {
			numbers = append(numbers, rule.number)
		}
	}
	anywhere(graph.None)
	for e := range d.graph.Edges(s) {
		anywhere(e.Target)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// handledIn returns the names of the events that a state does not ignore, for errors. A state
// that lies in no other has them all, without FromAny rules; they are shared.
func (d *Definition[S]) handledIn(s graph.ID) []string {
	if d.anywhere == nil && d.graph.Nodes[s].Parent == graph.None {
		return d.handled[s]
	}
	var names []string
	for _, number := range d.eventsIn(s) {
		rules := d.rulesFor(s, number)
		first := slices.IndexFunc(rules, func(c candidate[S]) bool { _, ok := d.applies(s, &c); return ok })
		if rules[first].kind != ignored {
			names = append(names, d.events[number-1].name)
		}
	}
	return names
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
	return slices.Clone(d.permitted(id))
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
func (d *Definition[S]) reads(e *event) bool { return !d.plain && d.read[d.number(e)] }
