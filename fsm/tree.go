package fsm

import (
	"iter"
	"math"
	"slices"
)

// none stands where there is no state. A table has fewer than 16 bits can number.
const none = math.MaxUint16

// tree says which states of a graph lie within which. A nil tree is that of a graph
// whose states all stand side by side. Nothing in it changes once it is compiled.
type tree struct {
	parent   []uint16   // by state; none at the top
	children [][]uint16 // by state, the one that is entered with it first; empty for a leaf
	recalls  []recall   // by state
	kept     []uint16   // the states that some history state remembers
	declared [][]uint16 // beside the graph's targets: in whose list the edge stands
}

// recall is what a history state remembers: of is none for any other state.
type recall struct {
	of   uint16
	deep bool
}

func newTree(states int) *tree {
	return &tree{
		parent:   slices.Repeat([]uint16{none}, states),
		children: make([][]uint16, states),
		recalls:  slices.Repeat([]recall{{of: none}}, states),
	}
}

// outer is the state around s, or none.
func (t *tree) outer(s uint16) uint16 {
	if t == nil {
		return none
	}
	return t.parent[s]
}

// within reports whether s is a state or lies in it.
func (t *tree) within(s, around uint16) bool {
	for s != around && s != none {
		s = t.outer(s)
	}
	return s == around && s != none
}

// recalled returns what s remembers, if it is a history state.
func (t *tree) recalled(s uint16) (recall, bool) {
	if t == nil || t.recalls[s].of == none {
		return recall{}, false
	}
	return t.recalls[s], true
}

// composite reports whether other states lie in s.
func (t *tree) composite(s uint16) bool { return t != nil && len(t.children[s]) > 0 }

// leaf reports whether a machine can be in s, and not only somewhere within.
func (t *tree) leaf(s uint16) bool {
	_, recalls := t.recalled(s)
	return !recalls && !t.composite(s)
}

// initial is the leaf that is entered with s.
func (t *tree) initial(s uint16) uint16 {
	for t.composite(s) {
		s = t.children[s][0]
	}
	return s
}

// upward yields from and the states around it, up to top and without it.
func (t *tree) upward(from, top uint16) iter.Seq[uint16] {
	return func(yield func(uint16) bool) {
		for s := from; s != top && yield(s); {
			s = t.outer(s)
		}
	}
}

// downward yields what upward does, the other way round.
func (t *tree) downward(top, to uint16) iter.Seq[uint16] {
	return func(yield func(uint16) bool) { t.descend(top, to, yield) }
}

func (t *tree) descend(top, to uint16, yield func(uint16) bool) bool {
	return to == top || t.descend(top, t.outer(to), yield) && yield(to)
}

// left reports whether a step from one state up to top leaves s.
func (t *tree) left(from, top, s uint16) bool { return t.within(from, s) && !t.within(top, s) }

// around is the innermost state that holds both a and b and is neither.
func (t *tree) around(a, b uint16) uint16 {
	top := t.outer(a)
	for top != none && (top == b || !t.within(b, top)) {
		top = t.outer(top)
	}
	return top
}

// depth counts the states around s.
func (t *tree) depth(s uint16) (n int) {
	for s = t.outer(s); s != none; s = t.outer(s) {
		n++
	}
	return n
}

// goal is the state to be entered for a target: what it remembers for a history
// state, and for any other itself. source is the state in whose list the edge stands.
// A nil memory remembers nothing.
func (t *tree) goal(from, source, target uint16, memory []uint16) uint16 {
	r, ok := t.recalled(target)
	if !ok {
		return target
	}
	last := uint16(none)
	switch inside := t.within(from, r.of); {
	case inside && (source == r.of || !t.within(source, r.of)): // left by this very step
		last = t.initial(from) // itself, but for one in which no machine is, when a picture asks
	case memory != nil:
		last = memory[slices.Index(t.kept, r.of)]
	}
	switch {
	case last == none:
		return t.children[r.of][0]
	case r.deep:
		return last
	}
	for t.parent[last] != r.of {
		last = t.parent[last]
	}
	return last
}
