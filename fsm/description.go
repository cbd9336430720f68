package fsm

import (
	"fmt"
	"slices"
)

// Description is a definition as plain data, for programs that do not have it: with the texts
// of its states, and the names of its events, guards and timeouts. It has no code. Package
// fsmdraw draws it as it draws the definition. [Definition.Describe] makes one; one that was read
// from elsewhere needs [Description.Check].
type Description struct {
	// Fingerprint is that of the definition. Descriptions with the same one can differ, because
	// it does not count events, guards and timeouts.
	Fingerprint string           `json:"fingerprint"`
	States      []DescribedState `json:"states"` // in the order of [Definition.States], the initial one first
	Edges       []Edge[string]   `json:"edges"`  // in the order of [Definition.Edges]
}

// DescribedState is a state of a [Description]. A pointer to a name is nil if there is no such
// state.
type DescribedState struct {
	Name    string  `json:"name"`
	Parent  *string `json:"parent,omitempty"`  // the state directly around; of a history state, the one that it stands for
	Initial *string `json:"initial,omitempty"` // the child that is entered with the state; nil for every state without children
	Final   bool    `json:"final,omitempty"`   // a leaf without edges
	History string  `json:"history,omitempty"` // "shallow" or "deep" for a history state
	// InPlace has the events that the state handles without a transition, also by rules of the
	// states around it.
	InPlace []InPlaceEvent `json:"in_place,omitempty"`
}

// InPlaceEvent is an event that a state handles without a transition: see [Internal] and [Ignore].
type InPlaceEvent struct {
	Name    string   `json:"name"`
	Guards  []string `json:"guards,omitempty"`
	Ignored bool     `json:"ignored,omitempty"`
}

// Describe returns the description of a definition.
func (d *Definition[S]) Describe() Description {
	described := Description{Fingerprint: d.Fingerprint()}
	names := make(map[S]string, len(d.states))
	for _, s := range d.states {
		names[s] = fmt.Sprint(s)
	}
	for _, s := range d.states {
		state := DescribedState{Name: names[s]}
		if parent, ok := d.Parent(s); ok {
			state.Parent = new(names[parent])
		}
		if of, deep, ok := d.HistoryState(s); ok {
			state.Parent, state.History = new(names[of]), shallowHistory
			if deep {
				state.History = deepHistory
			}
		} else if children := d.Children(s); len(children) > 0 {
			state.Initial = new(names[children[0]])
		} else {
			state.Final = len(d.Next(s)) == 0
		}
		for _, r := range d.ReactionsIn(s) {
			if r.Internal || r.Ignored {
				state.InPlace = append(state.InPlace, InPlaceEvent{Name: r.Event, Guards: r.Guards, Ignored: r.Ignored})
			}
		}
		described.States = append(described.States, state)
	}
	for _, e := range d.Edges() {
		described.Edges = append(described.Edges, Edge[string]{
			From: names[e.From], To: names[e.To], Declared: names[e.Declared], Kind: e.Kind,
			Events: e.Events, Guards: e.Guards, Timeouts: e.Timeouts,
		})
	}
	return described
}

// The kinds of history states in a description.
const (
	shallowHistory = "shallow"
	deepHistory    = "deep"
)

// EdgesFrom returns the edges of a state, its own before inherited ones: the transitions that the
// table permits in it.
func (d Description) EdgesFrom(state string) []Edge[string] {
	var edges []Edge[string]
	for _, e := range d.Edges {
		if e.From == state {
			edges = append(edges, e)
		}
	}
	return edges
}

// Check refuses a description that no definition can have: without states, with two states of
// one name, with a name that no state has, or with a hierarchy that is none. It does not look
// for more, such as edges that [Define] refuses.
func (d Description) Check() error {
	states := make(map[string]DescribedState, len(d.States))
	for _, s := range d.States {
		if _, twice := states[s.Name]; twice {
			return fmt.Errorf("fsm: description: two states are named %.100q", s.Name)
		}
		states[s.Name] = s
	}
	if len(states) == 0 {
		return fmt.Errorf("fsm: description: it has no states")
	}

	rooted := make(map[string]bool, len(states)) // whether the states around one end
	for _, s := range d.States {
		if !slices.Contains([]string{"", shallowHistory, deepHistory}, s.History) {
			return fmt.Errorf("fsm: description: %.100q is a history state of the kind %.100q", s.Name, s.History)
		}
		if s.History != "" && (s.Parent == nil || s.Initial != nil) {
			return fmt.Errorf("fsm: description: the history state %.100q has no parent, or has children", s.Name)
		}
		if s.Initial != nil {
			child, known := states[*s.Initial]
			if !known || child.Parent == nil || *child.Parent != s.Name || child.History != "" {
				return fmt.Errorf("fsm: description: %.100q is not a child of %.100q", *s.Initial, s.Name)
			}
		}
		if s.Parent != nil && states[*s.Parent].Initial == nil {
			return fmt.Errorf("fsm: description: %.100q lies in %.100q, which has no children", s.Name, *s.Parent)
		}

		// Go up, to a state that lies in no other or is known to end there.
		var path []string
		for at := s; !rooted[at.Name]; at = states[*at.Parent] {
			if len(path) == len(states) {
				return fmt.Errorf("fsm: description: %.100q lies within itself", s.Name)
			}
			path = append(path, at.Name)
			if at.Parent == nil {
				break
			}
		}
		for _, name := range path {
			rooted[name] = true
		}
	}

	for _, e := range d.Edges {
		for _, name := range []string{e.From, e.To, e.Declared} {
			if _, known := states[name]; !known {
				return fmt.Errorf("fsm: description: the edge from %.100q to %.100q names a state that there is not: %.100q", e.From, e.To, name)
			}
		}
		if int(e.Kind) >= len(edgeKinds) {
			return fmt.Errorf("fsm: description: the edge from %.100q to %.100q has no kind", e.From, e.To)
		}
	}
	return nil
}
