// Package order defines the order of exits and entries in a transition between nested
// states.
//
// It is a specification for tests: package fsmtest and the property tests of package
// fsm compare machines with it. A machine itself uses package graph. The two packages
// share no code, so a mistake in one of them shows as a difference between them.
//
// A transition has a source, which is the state that declares the edge, and a goal, which
// is its target after history states are resolved. A state that contains both source and
// goal, and is neither, stays active. The transition exits all other states around the
// machine's leaf, innermost first, and enters all other states around the new leaf,
// outermost first. A local transition leads to a goal within its source, and the source stays
// active as well. (SCXML calls the innermost state that stays active the domain of the
// transition.)
package order

import "slices"

// Hierarchy returns the parent of a state. ok is false for a state at the top level.
type Hierarchy[S comparable] func(state S) (parent S, ok bool)

// Lineage returns a state and the states around it, innermost first.
func (h Hierarchy[S]) Lineage(state S) []S {
	lineage := []S{state}
	for parent, ok := h(state); ok; parent, ok = h(parent) {
		lineage = append(lineage, parent)
	}
	return lineage
}

// Within reports whether a state is outer or lies in it, at any depth.
func (h Hierarchy[S]) Within(state, outer S) bool {
	return slices.Contains(h.Lineage(state), outer)
}

// Exits returns the states that a transition exits, in order. The machine is in the leaf
// from, which is the source or lies in it.
func (h Hierarchy[S]) Exits(from, source, goal S, local bool) []S {
	return slices.DeleteFunc(h.Lineage(from), h.staysActive(source, goal, local))
}

// Entries returns the states that a transition enters, in order. The machine ends in leaf,
// which is the goal or lies in it.
func (h Hierarchy[S]) Entries(source, goal, leaf S, local bool) []S {
	entries := slices.DeleteFunc(h.Lineage(leaf), h.staysActive(source, goal, local))
	slices.Reverse(entries)
	return entries
}

// staysActive returns a function that reports whether a transition neither exits nor
// enters a state.
func (h Hierarchy[S]) staysActive(source, goal S, local bool) func(S) bool {
	return func(s S) bool {
		return (s != source || local) && s != goal && h.Within(source, s) && h.Within(goal, s)
	}
}
