package fsm

import (
	"fmt"
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Edge is a permitted pair of states, with the names of its events, guards and timeouts. A
// child has one for each edge of the states around it.
type Edge[S comparable] struct {
	From     S        `json:"from"`
	To       S        `json:"to"`
	Declared S        `json:"declared"` // the state that lists the edge in the table: From or a state around it
	Kind     EdgeKind `json:"kind"`
	// Events are the events that can take the edge, in the order of the rules.
	Events []EdgeEvent `json:"events,omitempty"`
	// Guards are the names of the guards of every transition along the edge: first the guards
	// of the edge, then the guards of each entered state, if history states remember nothing.
	Guards []string `json:"guards,omitempty"`
	// Timeouts are the names of the timeouts of From that take the edge.
	Timeouts []string `json:"timeouts,omitempty"`
}

// EdgeEvent is an event that can take an edge.
type EdgeEvent struct {
	Name   string   `json:"name"`
	Guards []string `json:"guards,omitempty"` // of the rule itself: If
}

// EdgeKind tells how a transition along an edge treats its source.
type EdgeKind uint8

const (
	EdgeExternal EdgeKind = iota // leaves its source
	EdgeSelf                     // from a state to itself, without leaving it: [Self]
	EdgeReenter                  // from a state to itself, leaving it and entering it again: [Reenter]
	EdgeLocal                    // from a state to one within it, without leaving the source: [Local]
)

// The texts of the kinds of edges, by their numbers.
var edgeKinds = []string{"external", "self", "reenter", "local"}

// String returns "external", "self", "reenter" or "local".
func (k EdgeKind) String() string {
	if int(k) < len(edgeKinds) {
		return edgeKinds[k]
	}
	return fmt.Sprintf("EdgeKind(%d)", uint8(k))
}

// MarshalText returns the text of String, and fails for a kind that does not exist.
func (k EdgeKind) MarshalText() ([]byte, error) {
	if int(k) >= len(edgeKinds) {
		return nil, fmt.Errorf("fsm: there is no kind of edge %d", uint8(k))
	}
	return []byte(edgeKinds[k]), nil
}

// UnmarshalText reads the text of String.
func (k *EdgeKind) UnmarshalText(text []byte) error {
	i := slices.Index(edgeKinds, string(text))
	if i < 0 {
		return fmt.Errorf("fsm: there is no kind of edge %.40q", text)
	}
	*k = EdgeKind(i)
	return nil
}

// Edges returns all edges: by source in the order of [Definition.States], then in the order
// of the table, inherited edges last.
func (d *Definition[S]) Edges() []Edge[S] {
	kinds := map[graph.Kind]EdgeKind{graph.External: EdgeExternal, graph.Self: EdgeSelf, graph.Reenter: EdgeReenter, graph.Local: EdgeLocal}
	var all []Edge[S]
	for i, from := range d.states {
		id := graph.ID(i)
		events, timeouts := d.eventsOfEdges(id), make(map[S][]string)
		for _, t := range d.timeoutsOf[id] {
			timeouts[d.timeouts[t].to] = append(timeouts[d.timeouts[t].to], d.timeouts[t].name)
		}
		for e := range d.graph.Edges(id) {
			to := d.states[e.Target]
			all = append(all, Edge[S]{From: from, To: to, Declared: d.states[e.Declared], Kind: kinds[e.Kind],
				Events: events[to], Guards: d.guardNames(id, e), Timeouts: timeouts[to]})
		}
	}
	return all
}

// eventsOfEdges returns, by target, the events that can take the edges of a state.
func (d *Definition[S]) eventsOfEdges(s graph.ID) map[S][]EdgeEvent {
	events := make(map[S][]EdgeEvent)
	for _, number := range d.eventsIn(s) {
		for _, c := range d.rulesFor(s, number) {
			for _, to := range c.to {
				if d.edge(s, to) != nil {
					events[to] = append(events[to], EdgeEvent{c.event.name, c.guardNames()})
				}
			}
		}
	}
	return events
}

func (d *Definition[S]) guardNames(from graph.ID, e *graph.Edge[hook[S]]) (names []string) {
	goal, leaf := d.graph.End(from, e)
	for g := range d.graph.Guards(e, goal, leaf) {
		names = append(names, g.Name)
	}
	return names
}

// Guards returns the names of the guards of a transition from one state to another, as
// [Edge] has them. It returns none if there is no such edge.
func (d *Definition[S]) Guards(from, to S) []string {
	id, known := d.find(from)
	if !known {
		return nil
	}
	e := d.edge(id, to)
	if e == nil {
		return nil
	}
	return d.guardNames(id, e)
}

// Reaction is a rule for an event in one state.
type Reaction[S comparable] struct {
	Event string
	From  S
	// To lists the targets: several for a [Choose]; none if the event is handled in place
	// or ignored.
	To       []S
	Guards   []string // the names of the rule's own guards
	Internal bool     // see the rule [Internal]
	Ignored  bool     // see [Ignore]
}

// Reactions returns the rules for events: by leaf in the order of [Definition.States], then
// by event in the order of [Definition.Events], then by candidate in the order of their rules.
// Rules of a parent and [FromAny] rules are listed with every leaf that they apply to.
func (d *Definition[S]) Reactions() []Reaction[S] {
	var all []Reaction[S]
	for i, s := range d.states {
		if d.graph.IsLeaf(graph.ID(i)) {
			all = append(all, d.ReactionsIn(s)...)
		}
	}
	return all
}

// ReactionsIn returns the rules for events in one state. For a parent these are the rules
// that hold in all children without rules of their own.
func (d *Definition[S]) ReactionsIn(state S) []Reaction[S] {
	id, known := d.find(state)
	if !known {
		return nil
	}
	var all []Reaction[S]
	for _, number := range d.eventsIn(id) {
		for _, c := range d.rulesFor(id, number) {
			if _, ok := d.applies(id, &c); !ok {
				continue
			}
			all = append(all, Reaction[S]{
				Event: c.event.name,
				From:  state,
				// The targets of a FromAny rule count only where there is an edge.
				To:       slices.DeleteFunc(slices.Clone(c.to), func(to S) bool { return d.edge(id, to) == nil }),
				Guards:   c.guardNames(),
				Internal: c.kind == internal,
				Ignored:  c.kind == ignored,
			})
		}
	}
	return all
}

func (c candidate[S]) guardNames() []string {
	var names []string
	for _, g := range c.guards {
		names = append(names, g.name)
	}
	return names
}

// TimeoutSpec is a [Timeout] or [TimeoutFunc] of a definition. Name is its duration, or the
// name given to the TimeoutFunc.
type TimeoutSpec[S comparable] struct {
	State, To S
	Name      string
}

// Timeouts returns the definition's timeouts, in the order of its rules.
func (d *Definition[S]) Timeouts() []TimeoutSpec[S] {
	var all []TimeoutSpec[S]
	for _, t := range d.timeouts {
		all = append(all, TimeoutSpec[S]{State: t.state, To: t.to, Name: t.name})
	}
	return all
}

// Events returns the names of all events with rules, in the order of their first rule.
func (d *Definition[S]) Events() []string {
	var names []string
	for _, e := range d.events {
		names = append(names, e.name)
	}
	return names
}

// Signals returns the events without an argument.
func (d *Definition[S]) Signals() []Signal {
	var signals []Signal
	for _, e := range d.events {
		if e.signal != nil {
			signals = append(signals, Signal{e})
		}
	}
	return signals
}

// Fingerprint tells tables apart. Two definitions have the same one if they have the same
// states, initial state, edges in the table and hierarchy. Of the hierarchy, parents, the first
// child of each parent and history states count. Other rules do not count, timeouts included,
// and neither does any other order.
func (d *Definition[S]) Fingerprint() string { return d.fingerprint() }
