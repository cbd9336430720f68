package fsm

import (
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Table lists the targets of each state. An empty list makes a final state. A target that is not a key of the table is an error, and so is a state
// that lists itself: see [Define].
type Table[S comparable] map[S][]S

// ordered is a table in the order of its states, which are numbered by their places.
type ordered[S comparable] struct {
	states []S
	ids    map[S]graph.ID
	lists  [][]S // by ID: the targets in the table
}

// order copies the table in the order of its states: the initial one, then breadth first the
// children and the targets of each state; at last the states that this does not reach, by
// their labels. targets has the IDs of the targets of all states, one state after the other,
// and None for a target that is not in the table.
func (t Table[S]) order(initial S, children map[S][]S) (o ordered[S], targets []graph.ID) {
	o = ordered[S]{states: make([]S, 0, len(t)+1), ids: make(map[S]graph.ID, len(t)+1), lists: make([][]S, 0, len(t)+1)}
	add := func(s S, list []S) graph.ID {
		id := graph.ID(len(o.states))
		o.ids[s] = id
		o.states, o.lists = append(o.states, s), append(o.lists, list)
		return id
	}
	find := func(s S) graph.ID {
		if id, seen := o.ids[s]; seen {
			return id
		}
		if list, known := t[s]; known {
			return add(s, list)
		}
		return graph.None
	}
	add(initial, t[initial])
	followed := 0
	follow := func() {
		for ; followed < len(o.states); followed++ {
			for _, child := range children[o.states[followed]] {
				find(child)
			}
			for _, to := range o.lists[followed] {
				targets = append(targets, find(to))
			}
		}
	}
	follow()
	if _, known := t[initial]; len(o.states) < len(t) || !known {
		var rest []S
		for s := range t {
			if _, seen := o.ids[s]; !seen {
				rest = append(rest, s)
			}
		}
		slices.SortFunc(rest, func(a, b S) int { return strings.Compare(label(a), label(b)) })
		for _, s := range rest {
			add(s, t[s])
		}
		follow()
	}
	all := make([]S, 0, len(targets))
	for i, list := range o.lists {
		first := len(all)
		all = append(all, list...)
		if o.lists[i] = nil; len(list) > 0 {
			o.lists[i] = slices.Clip(all[first:])
		}
	}
	return o, targets
}
