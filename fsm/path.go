package fsm

import "slices"

// Path returns a shortest way from one state to another along the table and the
// rules' own edges, both ends included; of several the first in the order of the
// table. It is nil if there is none, and one state if both are the same.
//
// With a hierarchy it is what to ask for, one after the other, of a machine that is
// in from (or just entered it), until it is in to: some of that may be a parent of
// the leaf to which it leads, or a history state, which counts as remembering
// nothing.
func (d *Definition[S]) Path(from, to S) []S {
	source, known := d.graph.index[from]
	target, also := d.graph.index[to]
	if !known || !also {
		return nil
	}
	source = d.graph.tree.initial(source)
	if d.graph.tree.within(source, target) {
		return []S{from}
	}
	found := d.spread(source)
	arrived := func(leaf uint16) bool { return d.graph.tree.within(leaf, target) }
	i := slices.IndexFunc(found.leaves, arrived)
	if i < 0 {
		return nil
	}
	var path []S
	for leaf := found.leaves[i]; leaf != source; leaf = found.via[leaf].from {
		path = append(path, d.graph.states[found.via[leaf].ask])
	}
	path = append(path, from)
	slices.Reverse(path)
	return path
}

// Reachable returns the states to which from leads by one step or more, in the
// order of [Definition.States]: from itself only if there is a way back to it. A
// parent is reached with what lies within it.
func (d *Definition[S]) Reachable(from S) []S {
	source, known := d.graph.index[from]
	if !known {
		return nil
	}
	met := d.spread(d.graph.tree.initial(source)).met
	var states []S
	for i, s := range d.graph.states {
		if met[i] && !d.isHistory(uint16(i)) {
			states = append(states, s)
		}
	}
	return states
}

// spreading is what a search has found.
type spreading struct {
	leaves []uint16 // as they were reached, by at least one step
	via    []hop    // by leaf: how
	met    []bool   // by state: reached, or, for a history state, asked for
}

type hop struct{ from, ask uint16 }

// spread searches breadth first from a leaf.
func (d *Definition[S]) spread(source uint16) spreading {
	n := len(d.graph.states)
	found := spreading{via: make([]hop, n), met: make([]bool, n)}
	for next := []uint16{source}; len(next) > 0; next = next[1:] {
		for at, ask := range d.graph.targets[next[0]] {
			leaf := d.way(next[0], at, nil).to
			if !found.met[leaf] {
				found.via[leaf] = hop{next[0], ask}
				found.leaves = append(found.leaves, leaf)
				next = append(next, leaf)
			}
			found.met[ask] = true
			for s := range d.graph.tree.upward(leaf, none) {
				found.met[s] = true
			}
		}
	}
	return found
}
