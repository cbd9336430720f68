package graph

import (
	"iter"
	"slices"
)

// Index finds the value of a state for a key. A state without a value for the key inherits
// the value of the nearest state around it. A look-up takes logarithmic time, however deep
// the hierarchy is.
type Index[V any] struct {
	starts  []int32    // by key: the place of its first entry; at last the number of entries
	entries []entry[V] // by key, then in the order of the graph
}

type entry[V any] struct {
	first, last ID    // the states that it is for, by their places in the order
	outer       int32 // distance back to the entry around it, or 0
	value       V
}

// NewIndex indexes the values that each yields for each state, by keys from 0.
func NewIndex[H, V any](g *Graph[H], keys int, each func(s ID, add func(key ID, v V))) *Index[V] {
	x := &Index[V]{starts: make([]int32, keys+1)}
	for _, s := range g.Order {
		each(s, func(key ID, _ V) { x.starts[key+1]++ })
	}
	for key := range keys {
		x.starts[key+1] += x.starts[key]
	}
	x.entries = make([]entry[V], x.starts[keys])
	next := slices.Clone(x.starts)
	var n *Node[H]
	add := func(key ID, v V) {
		at := next[key]
		next[key]++
		e := entry[V]{first: n.First, last: n.Last, value: v}
		for i := at - 1; i >= x.starts[key]; i -= x.entries[i].outer {
			if n.First < x.entries[i].last {
				e.outer = at - i
				break
			}
			if x.entries[i].outer == 0 {
				break
			}
		}
		x.entries[at] = e
	}
	for _, s := range g.Order {
		n = &g.Nodes[s]
		each(s, add)
	}
	return x
}

// Find returns the value for a key of the state at a place of the order.
func (x *Index[V]) Find(place, key ID) (v V, found bool) {
	all := x.entries[x.starts[key]:x.starts[key+1]]
	i, exact := slices.BinarySearchFunc(all, place, func(e entry[V], place ID) int { return int(e.first) - int(place) })
	if !exact {
		i--
	}
	for i >= 0 && place >= all[i].last {
		if all[i].outer == 0 {
			return v, false
		}
		i -= int(all[i].outer)
	}
	if i < 0 {
		return v, false
	}
	return all[i].value, true
}

// pairs yields each value, and the one around it under the same key, or the zero value. The
// outer ones come first.
func (x *Index[V]) pairs() iter.Seq2[V, V] {
	return func(yield func(V, V) bool) {
		for i, e := range x.entries {
			var outer V
			if e.outer > 0 {
				outer = x.entries[i-int(e.outer)].value
			}
			if !yield(e.value, outer) {
				return
			}
		}
	}
}
