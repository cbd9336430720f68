package fsm

import "slices"

// Path returns a shortest way from one state to another along the table and the
// rules' own edges, both ends included; of several the first in the order of the
// table. It is nil if there is none, and one state if both are the same.
func (d *Definition[S]) Path(from, to S) []S {
	source, known := d.graph.index[from]
	target, also := d.graph.index[to]
	if !known || !also {
		return nil
	}
	via, _ := d.graph.spread(source)
	if target != source && via[target] < 0 {
		return nil
	}
	path := []S{to}
	for at := target; at != source; {
		at = uint16(via[at])
		path = append(path, d.graph.states[at])
	}
	slices.Reverse(path)
	return path
}

// Reachable returns the states to which from leads by one step or more, in the
// order of [Definition.States]: from itself only if there is a way back to it.
func (d *Definition[S]) Reachable(from S) []S {
	source, known := d.graph.index[from]
	if !known {
		return nil
	}
	_, reached := d.graph.spread(source)
	var states []S
	for i, s := range d.graph.states {
		if reached[i] {
			states = append(states, s)
		}
	}
	return states
}

// spread searches breadth first. It returns for each state the one before it on a
// shortest way of at least one step, or -1, and whether there is such a way.
func (g *graph[S]) spread(source uint16) (via []int, reached []bool) {
	via, reached = make([]int, len(g.states)), make([]bool, len(g.states))
	for i := range via {
		via[i] = -1
	}
	for next := []uint16{source}; len(next) > 0; next = next[1:] {
		for _, t := range g.targets[next[0]] {
			if !reached[t] {
				via[t] = int(next[0])
				next = append(next, t)
			}
			reached[t] = true
		}
	}
	return via, reached
}
