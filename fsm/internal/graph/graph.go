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
	"cmp"
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

// Graph is a table with its hierarchy. It is built by [Graph.Nest] and [Graph.Remember],
// then [Graph.Arrange]; [Graph.Connect], then [Graph.Link]; [Graph.Inherit], then Link
// again; and, with the guards of all states and edges, [Graph.Seal]. It must not be changed
// after that. Each step takes time and memory in proportion to the size of the graph, also
// in deep hierarchies: an edge is stored at the state that declares it, and found from the
// states within.
type Graph[H any] struct {
	Nodes []Node[H] // by ID
	// Remembered lists the composite states that some history state stands for.
	// A memory of a machine has one element for each.
	Remembered []ID
	Nested     bool // whether any state lies within another
	// Order has all states, each before the states within it, which follow directly.
	Order []ID

	edges   *Index[*Edge[H]] // by target; nil if scanning is as good
	shallow map[ID][]ID      // the shallow history states of a composite state
	guarded []ID             // by place in Order: how many states before it have guards; nil without history states
}

// Node is one state.
type Node[H any] struct {
	Parent   ID   // None at the top
	Children []ID // the initial one first; empty for a leaf
	History  History
	Edges    []Edge[H] // the node's own, then those of Inherit
	Guards   []Guard[H]
	Entry    []H
	Exit     []H

	First, Last ID // the node and the states within it are Order[First:Last]
	leaf        ID // the leaf that is entered together with the node
	memory      ID // place in Remembered, or None
	guarded     ID // the innermost of the node and the states around it that has guards, or None
}

// History makes a node a history state of Of, a composite state. Of is None for
// every other node.
type History struct {
	Of   ID
	Deep bool
}

// Edge is a permitted pair of states: the table declares it, or [Graph.Inherit] adds it
// for a state within.
type Edge[H any] struct {
	Target   ID
	Declared ID // the source in the table: the state that has the edge, or one around it
	Kind     Kind
	Guards   []Guard[H]
	Hooks    []H
	outer    *Edge[H] // the edge to the same target of the nearest state around
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

// Circular reports whether parent is child or lies within it, so that child cannot be
// nested in parent.
func (g *Graph[H]) Circular(parent, child ID) bool {
	for g.IsComposite(child) && parent != child && parent != None {
		parent = g.Nodes[parent].Parent
	}
	return parent == child
}

// Remember makes s a history state.
func (g *Graph[H]) Remember(s ID, h History) { g.Nodes[s].History = h }

// Arrange puts the states in order.
func (g *Graph[H]) Arrange() {
	g.Order = make([]ID, 0, len(g.Nodes))
	for s := range g.Nodes {
		if g.Nodes[s].Parent == None {
			g.arrange(ID(s))
		}
	}
	for s := range g.Nodes {
		h := g.Nodes[s].History
		if h.Of == None {
			continue
		}
		if of := &g.Nodes[h.Of]; of.memory == None {
			of.memory = ID(len(g.Remembered))
			g.Remembered = append(g.Remembered, h.Of)
		}
		if !h.Deep {
			if g.shallow == nil {
				g.shallow = make(map[ID][]ID)
			}
			g.shallow[h.Of] = append(g.shallow[h.Of], ID(s))
		}
	}
}

func (g *Graph[H]) arrange(s ID) {
	n := &g.Nodes[s]
	n.First, n.leaf, n.memory, n.guarded = ID(len(g.Order)), s, None, None
	g.Order = append(g.Order, s)
	for _, child := range n.Children {
		g.arrange(child)
	}
	n.Last = ID(len(g.Order))
	if g.IsComposite(s) {
		n.leaf = g.Nodes[n.Children[0]].leaf
	}
}

// Connect adds an edge that the table declares.
func (g *Graph[H]) Connect(from, to ID, kind Kind) {
	n := &g.Nodes[from]
	n.Edges = append(n.Edges, Edge[H]{Target: to, Declared: from, Kind: kind})
}

// Inherit gives a state an edge that a state around it declares, so that it can have guards
// and hooks of its own. They come before the guards and hooks of the edge around.
func (g *Graph[H]) Inherit(s ID, e *Edge[H]) {
	n := &g.Nodes[s]
	n.Edges = append(n.Edges, Edge[H]{Target: e.Target, Declared: e.Declared, Kind: e.Kind})
}

// Duplicate is an edge to Target that both State and the state Outer around it
// declare.
type Duplicate struct{ State, Outer, Target ID }

// Link makes the edges known to the states within, and returns the duplicates.
func (g *Graph[H]) Link() (twice []Duplicate) {
	most := 0
	for i := range g.Nodes {
		most = max(most, len(g.Nodes[i].Edges))
	}
	if !g.Nested && most <= Few {
		return nil
	}
	g.edges = NewIndex(g, len(g.Nodes), func(s ID, add func(ID, *Edge[H])) {
		for i := range g.Nodes[s].Edges {
			e := &g.Nodes[s].Edges[i]
			add(e.Target, e)
		}
	})
	for e, outer := range g.edges.pairs() {
		e.outer = outer
		for o := outer; o != nil && e.Declared != outer.Declared; o = o.outer {
			twice = append(twice, Duplicate{e.Declared, o.Declared, e.Target})
		}
	}
	return twice
}

// Few is how many edges are scanned: looking one up in an index takes as long.
const Few = 16

// Edge finds the edge from a state to a target, or returns nil: an edge of the state, or of
// the nearest state around it that has one.
func (g *Graph[H]) Edge(s, target ID) *Edge[H] {
	if g.edges != nil {
		e, _ := g.edges.Find(g.Nodes[s].First, target)
		return e
	}
	for i := range g.Nodes[s].Edges {
		if e := &g.Nodes[s].Edges[i]; e.Target == target {
			return e
		}
	}
	return nil
}

// Own returns the edges of a state that the table declares for it.
func (g *Graph[H]) Own(s ID) []Edge[H] {
	own := g.Nodes[s].Edges
	for len(own) > 0 && own[len(own)-1].Declared != s {
		own = own[:len(own)-1]
	}
	return own
}

// Edges yields all edges of a state: its own in the order of the table, then the edges of
// the states around it, innermost first.
func (g *Graph[H]) Edges(s ID) iter.Seq[*Edge[H]] {
	return func(yield func(*Edge[H]) bool) {
		for around := range g.Up(s, None) {
			own := g.Own(around)
			for i := range own {
				e := &own[i]
				if around != s {
					if e = g.Edge(s, e.Target); e.Declared != around { // a duplicate
						continue
					}
				}
				if !yield(e) {
					return
				}
			}
		}
	}
}

// Around returns the edge around e that shares its guards and hooks with e, or nil.
func (e *Edge[H]) Around() *Edge[H] {
	if e.outer == nil || e.outer.Declared != e.Declared {
		return nil
	}
	return e.outer
}

// Seal prepares the look-up of guards. All guards must be set before.
func (g *Graph[H]) Seal() {
	if len(g.Remembered) > 0 {
		g.guarded = make([]ID, len(g.Nodes)+1)
	}
	for i, s := range g.Order {
		n := &g.Nodes[s]
		has := len(n.Guards) > 0
		switch {
		case has:
			n.guarded = s
		case n.Parent != None:
			n.guarded = g.Nodes[n.Parent].guarded
		}
		if g.guarded != nil {
			g.guarded[i+1] = g.guarded[i]
			if has {
				g.guarded[i+1]++
			}
		}
	}
}

// Within reports whether s is a state or lies in it.
func (g *Graph[H]) Within(s, around ID) bool {
	if s == None || around == None {
		return false
	}
	place, outer := g.Nodes[s].First, &g.Nodes[around]
	return outer.First <= place && place < outer.Last
}

// IsComposite reports whether other states lie within s.
func (g *Graph[H]) IsComposite(s ID) bool { return len(g.Nodes[s].Children) > 0 }

// IsHistory reports whether s is a history state.
func (g *Graph[H]) IsHistory(s ID) bool { return g.Nodes[s].History.Of != None }

// IsLeaf reports whether a machine can be in s itself.
func (g *Graph[H]) IsLeaf(s ID) bool { return !g.IsComposite(s) && !g.IsHistory(s) }

// InitialLeaf is the leaf that is entered together with s.
func (g *Graph[H]) InitialLeaf(s ID) ID { return g.Nodes[s].leaf }

// child is the child of a composite state that holds s or is s.
func (g *Graph[H]) child(of, s ID) ID {
	children := g.Nodes[of].Children
	i, found := slices.BinarySearchFunc(children, g.Nodes[s].First, func(c, place ID) int { return cmp.Compare(g.Nodes[c].First, place) })
	if !found {
		i--
	}
	return children[i]
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
