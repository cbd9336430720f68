package fsm

import (
	"slices"
	"strings"
)

// graph is a table compiled once and shared by every definition and machine
// made from it. It knows a state by its index. Nothing in it changes.
type graph[S comparable] struct {
	states  []S          // by index; the initial state is 0
	index   map[S]uint16 // the inverse of states
	targets [][]uint16   // by source, in the order of the table
	// next is targets once more, as states, for showing to people. Decisions
	// are made from targets: errors carry slices of next out to callers.
	next [][]S

	rooted bool  // the initial state is one of the table's
	tree   *tree // how states lie within each other; nil if none does
}

// compile numbers the states, also those that cannot be reached, so that rules about
// them raise no second complaint. inner is what lies within which: it counts for the
// order only.
func compile[S comparable](initial S, table Table[S], inner map[S][]S, found *problems) *graph[S] {
	if len(table) > maxStates {
		found.add("%d states, more than %d", len(table), maxStates)
		return &graph[S]{}
	}
	table.check(initial, found)
	g := &graph[S]{index: make(map[S]uint16, len(table))}
	_, g.rooted = table[initial]
	g.number(table.reach(initial, inner))
	g.number(g.unreached(table))
	g.connect(table)
	return g
}

func (g *graph[S]) number(states []S) {
	for _, s := range states {
		g.index[s] = uint16(len(g.states))
		g.states = append(g.states, s)
	}
}

func (g *graph[S]) unreached(table Table[S]) []S {
	var rest []S
	for s := range table {
		if _, ok := g.index[s]; !ok {
			rest = append(rest, s)
		}
	}
	slices.SortFunc(rest, func(a, b S) int { return strings.Compare(label(a), label(b)) })
	return rest
}

func (g *graph[S]) connect(table Table[S]) {
	g.targets = make([][]uint16, len(g.states))
	g.next = make([][]S, len(g.states))
	for i, from := range g.states {
		for _, to := range table[from] {
			if j, known := g.index[to]; known {
				g.targets[i] = append(g.targets[i], j)
				g.next[i] = append(g.next[i], to)
			}
		}
		g.next[i] = slices.Clip(g.next[i]) // an append by a caller must copy
	}
}

// withSelves returns the graph with an edge to itself, as its last, for each state
// of which has says so.
func (g *graph[S]) withSelves(has func(int) bool) *graph[S] {
	more := &graph[S]{states: g.states, index: g.index, targets: slices.Clone(g.targets), next: slices.Clone(g.next), rooted: g.rooted}
	changed := false
	for i, s := range g.states {
		if has(i) {
			more.targets[i] = append(slices.Clone(g.targets[i]), uint16(i))
			more.next[i] = slices.Clip(append(slices.Clone(g.next[i]), s))
			changed = true
		}
	}
	if !changed {
		return g
	}
	return more
}

// edge finds the edge from a source to a target, and its place among the targets
// of the source. Comparing the few of them is cheaper than hashing one state.
func (g *graph[S]) edge(from uint16, to S) (at int, target uint16, ok bool) {
	for i, t := range g.targets[from] {
		if g.states[t] == to {
			return i, t, true
		}
	}
	return 0, 0, false
}
