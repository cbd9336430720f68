package fsm

import (
	"fmt"
	"slices"
	"strings"
)

// Table lists the targets of each state. An empty list makes a final state. A target that is not a key of the table is an error, and so is a state
// that lists itself: see [Define].
type Table[S comparable] map[S][]S

// clone copies the table, so that the caller may change its own.
func (t Table[S]) clone() Table[S] {
	c := make(Table[S], len(t))
	for s, targets := range t {
		c[s] = slices.Clone(targets)
	}
	return c
}

// check collects the problems of the table alone.
func (t Table[S]) check(initial S, found *problems) {
	if _, ok := t[initial]; !ok {
		found.add("initial state %q is not in the table", label(initial))
	}
	printed := make(map[string][]string, len(t)) // by label
	for from, targets := range t {
		printed[label(from)] = append(printed[label(from)], fmt.Sprintf("%#v", from))
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
	// In a message, a record or a drawing nobody could tell such states apart.
	for text, states := range printed {
		if len(states) > 1 {
			slices.Sort(states)
			found.add("%d states print as %q: %s", len(states), text, names(states))
		}
	}
}

// order returns all states: the initial one, then breadth first the children and the
// targets of each state; at last the states that this does not reach, by their labels.
func (t Table[S]) order(initial S, children map[S][]S) []S {
	states, seen := []S{initial}, map[S]bool{initial: true}
	for i := 0; i < len(states); i++ {
		for _, to := range slices.Concat(children[states[i]], t[states[i]]) {
			if _, known := t[to]; known && !seen[to] {
				seen[to] = true
				states = append(states, to)
			}
		}
	}
	reached := len(states)
	for s := range t {
		if !seen[s] {
			states = append(states, s)
		}
	}
	slices.SortFunc(states[reached:], func(a, b S) int { return strings.Compare(label(a), label(b)) })
	return states
}
