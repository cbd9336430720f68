// Package graph holds a compiled transition table: its states with their hierarchy,
// and the edges between them with their guards and hooks.
//
// A [Graph] answers the structural questions of a state machine: the route that
// a transition takes through the hierarchy, the state that a history state
// stands for, and the states that can be reached. It knows states by number, and
// neither events nor time. It is generic in the type of hooks, which it stores
// and never calls.
package graph

import (
	"iter"
	"math"
	"slices"
)

// ID numbers the states of a graph, from 0.
type ID uint16

const (
	// None stands where there is no state.
	None ID = math.MaxUint16
	// Max is the number of states that a graph can hold.
	Max = math.MaxUint16
)

// Graph is a table with its hierarchy. It is built by the methods [Graph.Nest],
// [Graph.Remember], [Graph.Connect] and [Graph.Inherit], in this order, and must
// not be changed after that.
type Graph[H any] struct {
	Nodes []Node[H] // by ID
	// Remembered lists the composite states that some history state stands for.
	// A memory of a machine has one element for each.
	Remembered []ID
	Nested     bool // whether any state lies within another
}

// Node is one state.
type Node[H any] struct {
	Parent   ID   // None at the top
	Children []ID // the initial one first; empty for a leaf
	History  History
	Edges    []Edge[H] // the node's own, then those it inherits, innermost parent first
	Guards   []Guard[H]
	Entry    []H
	Exit     []H
}

// History makes a node a history state of Of, a composite state. Of is None for
// every other node.
type History struct {
	Of   ID
	Deep bool
}

// Edge is a permitted pair of states. A child has an edge of its own for each
// edge that it inherits.
type Edge[H any] struct {
	Target   ID
	Declared ID // the source in the table: the state that has the edge, or one around it
	Kind     Kind
	Guards   []Guard[H]
	Hooks    []H
}

// Kind tells how an edge treats its source.
type Kind uint8

const (
	External Kind = iota // leaves its source
	Self                 // from a state to itself, without leaving it
	Reenter              // from a state to itself, leaving it and entering it again
	Local                // from a state to one within it, without leaving the source
)

// Guard is a hook that may refuse, with its name.
type Guard[H any] struct {
	Name  string
	Check H
}

// New returns a graph of n states with neither hierarchy nor edges.
func New[H any](n int) *Graph[H] {
	g := &Graph[H]{Nodes: make([]Node[H], n)}
	for i := range g.Nodes {
		g.Nodes[i].Parent, g.Nodes[i].History.Of = None, None
	}
	return g
}

// Nest makes child the next child of parent. Neither may lie within the other.
func (g *Graph[H]) Nest(parent, child ID) {
	g.Nodes[child].Parent = parent
	g.Nodes[parent].Children = append(g.Nodes[parent].Children, child)
	g.Nested = true
}

// Remember makes s a history state.
func (g *Graph[H]) Remember(s ID, h History) {
	g.Nodes[s].History = h
	g.Remembered = nil // in the order of the history states
	for _, n := range g.Nodes {
		if of := n.History.Of; of != None && !slices.Contains(g.Remembered, of) {
			g.Remembered = append(g.Remembered, of)
		}
	}
}

// Connect adds an edge that the table declares.
func (g *Graph[H]) Connect(from, to ID, kind Kind) {
	n := &g.Nodes[from]
	n.Edges = append(n.Edges, Edge[H]{Target: to, Declared: from, Kind: kind})
}

// Duplicate is an edge to Target that both State and the state Outer around it
// declare.
type Duplicate struct{ State, Outer, Target ID }

// Inherit gives every state the edges of the states around it, and returns the
// duplicates.
func (g *Graph[H]) Inherit() (twice []Duplicate) {
	declared := make([]int, len(g.Nodes)) // the number of edges that each state declares itself
	for i := range g.Nodes {
		declared[i] = len(g.Nodes[i].Edges)
	}
	for i := range g.Nodes {
		n := &g.Nodes[i]
		for outer := n.Parent; outer != None; outer = g.Nodes[outer].Parent {
			for _, e := range g.Nodes[outer].Edges[:declared[outer]] {
				switch at := n.find(e.Target); {
				case at < 0:
					n.Edges = append(n.Edges, e)
				case at < declared[i]:
					twice = append(twice, Duplicate{ID(i), outer, e.Target})
				}
			}
		}
	}
	return twice
}

func (n *Node[H]) find(target ID) int {
	return slices.IndexFunc(n.Edges, func(e Edge[H]) bool { return e.Target == target })
}

// PassDown adds to each inherited edge the guards and hooks that its states have
// between the inheriting one and the declaring one, the inner one's first.
func (g *Graph[H]) PassDown() {
	done := make([]bool, len(g.Nodes))
	var pass func(s ID)
	pass = func(s ID) {
		n := &g.Nodes[s]
		if done[s] || n.Parent == None {
			return
		}
		done[s] = true
		pass(n.Parent)
		parent := &g.Nodes[n.Parent]
		for i := range n.Edges {
			if e := &n.Edges[i]; e.Declared != s {
				outer := &parent.Edges[parent.find(e.Target)]
				e.Guards = slices.Concat(e.Guards, outer.Guards)
				e.Hooks = slices.Concat(e.Hooks, outer.Hooks)
			}
		}
	}
	for i := range g.Nodes {
		pass(ID(i))
	}
}

// Within reports whether s is a state or lies in it.
func (g *Graph[H]) Within(s, around ID) bool {
	for s != around && s != None {
		s = g.Nodes[s].Parent
	}
	return s == around && s != None
}

// IsComposite reports whether other states lie within s.
func (g *Graph[H]) IsComposite(s ID) bool { return len(g.Nodes[s].Children) > 0 }

// IsHistory reports whether s is a history state.
func (g *Graph[H]) IsHistory(s ID) bool { return g.Nodes[s].History.Of != None }

// IsLeaf reports whether a machine can be in s itself.
func (g *Graph[H]) IsLeaf(s ID) bool { return !g.IsComposite(s) && !g.IsHistory(s) }

// InitialLeaf is the leaf that is entered together with s.
func (g *Graph[H]) InitialLeaf(s ID) ID {
	for g.IsComposite(s) {
		s = g.Nodes[s].Children[0]
	}
	return s
}

// CommonAncestor is the innermost state that holds both a and b and is neither,
// or None.
func (g *Graph[H]) CommonAncestor(a, b ID) ID {
	top := g.Nodes[a].Parent
	for top != None && (top == b || !g.Within(b, top)) {
		top = g.Nodes[top].Parent
	}
	return top
}

// Up yields s and the states around it, innermost first, up to domain and
// without it.
func (g *Graph[H]) Up(s, domain ID) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		for s := s; s != domain && yield(s); {
			s = g.Nodes[s].Parent
		}
	}
}

// Down yields the states of [Graph.Up] outermost first.
func (g *Graph[H]) Down(domain, s ID) iter.Seq[ID] {
	return func(yield func(ID) bool) {
		if s != domain && (g.Nodes[s].Parent == domain || g.down(domain, g.Nodes[s].Parent, yield)) {
			yield(s)
		}
	}
}

func (g *Graph[H]) down(domain, s ID, yield func(ID) bool) bool {
	return s == domain || g.down(domain, g.Nodes[s].Parent, yield) && yield(s)
}
