package fsm

import (
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Table lists the targets of each state. An empty list makes a final state. A target that is not a key of the table is an error, and so is a state
// that lists itself: see [Define].
type Table[S comparable] map[S][]S

// clone copies the table, so that the caller may change its own.
func (t Table[S]) clone() Table[S] {
	c, all := make(Table[S], len(t)), make([]S, 0, t.edges())
	for s, targets := range t {
		first := len(all)
		all = append(all, targets...)
		c[s] = slices.Clip(all[first:])
	}
	return c
}

// edges returns the number of targets of all states.
func (t Table[S]) edges() (n int) {
	for _, targets := range t {
		n += len(targets)
	}
	return n
}

// order returns all states, and their places: the initial one, then breadth first the
// children and the targets of each state; at last the states that this does not reach, by
// their labels.
func (t Table[S]) order(initial S, children map[S][]S) (states []S, ids map[S]graph.ID) {
	states, ids = make([]S, 0, len(t)+1), make(map[S]graph.ID, len(t)+1)
	add := func(s S) {
		if _, seen := ids[s]; !seen {
			ids[s] = graph.ID(len(states))
			states = append(states, s)
		}
	}
	add(initial)
	for i := 0; i < len(states); i++ {
		for _, next := range [][]S{children[states[i]], t[states[i]]} {
			for _, to := range next {
				if _, known := t[to]; known {
					add(to)
				}
			}
		}
	}
	var rest []S
	for s := range t {
		if _, seen := ids[s]; !seen {
			rest = append(rest, s)
		}
	}
	slices.SortFunc(rest, func(a, b S) int { return strings.Compare(label(a), label(b)) })
	for _, s := range rest {
		add(s)
	}
	return states, ids
}
