package fsm

import (
	"fmt"
	"math"
	"slices"
)

// Table says for each state which states it may lead to. An empty list is a
// final state. A target that is not a key itself is a mistake and not a state,
// and so is a state that lists itself: see [Define].
type Table[S comparable] map[S][]S

// maxStates is what fits the 16 bits by which a compiled table knows a state.
const maxStates = math.MaxUint16

// check collects what is wrong with the table.
func (t Table[S]) check(initial S, found *problems) {
	if _, ok := t[initial]; !ok {
		found.add("initial state %q is not in the table", label(initial))
	}
	for from, targets := range t {
		t.checkTargets(from, targets, found)
	}
	t.checkNames(found)
}

func (t Table[S]) checkTargets(from S, targets []S, found *problems) {
	for i, to := range targets {
		switch _, known := t[to]; {
		case to == from:
			found.add("%q leads to itself", label(from))
		case !known:
			found.add("%q leads to %q, which is not in the table", label(from), label(to))
		case slices.Contains(targets[:i], to):
			found.add("%q leads to %q more than once", label(from), label(to))
		}
	}
}

// checkNames refuses states that print alike: in a message, a record or a
// picture nobody could tell them apart.
func (t Table[S]) checkNames(found *problems) {
	alike := make(map[string][]string, len(t))
	for s := range t {
		alike[label(s)] = append(alike[label(s)], fmt.Sprintf("%#v", s))
	}
	for printed, states := range alike {
		if len(states) > 1 {
			slices.Sort(states)
			found.add("%d states print as %q: %s", len(states), printed, names(states))
		}
	}
}

// reach returns the states that can be reached from initial: initial itself, then
// breadth first, what is within each state and then its targets in the order of the
// table.
func (t Table[S]) reach(initial S, inner map[S][]S) []S {
	states, seen := []S{initial}, map[S]bool{initial: true}
	for i := 0; i < len(states); i++ {
		for _, to := range slices.Concat(inner[states[i]], t[states[i]]) {
			if _, known := t[to]; known && !seen[to] {
				seen[to] = true
				states = append(states, to)
			}
		}
	}
	return states
}

// label is how a state prints, everywhere.
func label[S comparable](s S) string { return fmt.Sprint(s) }
