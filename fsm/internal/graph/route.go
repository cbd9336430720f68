package graph

import (
	"iter"
	"slices"
)

// Route is the way of one transition through the hierarchy. It leaves the states
// from its source up to Domain, and enters those from Domain down to Leaf; Domain
// itself is neither left nor entered. (SCXML calls it the domain of a transition.)
type Route struct {
	Leaf   ID // the state in which the transition ends
	Goal   ID // the target, resolved if it is a history state: Leaf or a state around it
	Domain ID // None if every state around the source is left
}

// Route returns the route from a leaf along one of its edges. memory has the leaf
// that was active when each state of [Graph.Remembered] was left, None for a state
// that never was; nil remembers nothing.
func (g *Graph[H]) Route(from ID, e *Edge[H], memory []ID) Route {
	switch {
	case e.Kind == Self:
		return Route{Leaf: from, Goal: e.Target, Domain: from}
	case !g.Nested:
		return Route{Leaf: e.Target, Goal: e.Target, Domain: None}
	}
	goal := g.resolve(from, e, memory)
	domain := e.Declared
	if e.Kind != Local {
		domain = g.CommonAncestor(e.Declared, goal)
	}
	return Route{Leaf: g.InitialLeaf(goal), Goal: goal, Domain: domain}
}

// resolve returns the target of an edge, or for a history state the child or leaf
// that it remembers.
func (g *Graph[H]) resolve(from ID, e *Edge[H], memory []ID) ID {
	h := g.Nodes[e.Target].History
	if h.Of == None {
		return e.Target
	}
	last := None
	leaves := e.Declared == h.Of && e.Kind != Local || !g.Within(e.Declared, h.Of) // this transition leaves the remembered state
	switch {
	case g.Within(from, h.Of) && leaves:
		last = g.InitialLeaf(from) // from itself, unless a drawing asks about a composite state
	case memory != nil:
		last = memory[slices.Index(g.Remembered, h.Of)]
	}
	switch {
	case last == None:
		return g.Nodes[h.Of].Children[0]
	case h.Deep:
		return last
	}
	for g.Nodes[last].Parent != h.Of {
		last = g.Nodes[last].Parent
	}
	return last
}

// Leaves reports whether a transition from one state to a domain leaves s.
func (g *Graph[H]) Leaves(from, domain, s ID) bool {
	return g.Within(from, s) && !g.Within(domain, s)
}

// Update returns the memory after a transition from a leaf to a domain. A nil
// memory is that of a machine which has left no state yet.
func (g *Graph[H]) Update(memory []ID, from, domain ID) []ID {
	next := slices.Clone(memory)
	if next == nil {
		next = g.Forget()
	}
	for i, s := range g.Remembered {
		if g.Leaves(from, domain, s) {
			next[i] = from
		}
	}
	return next
}

// Forget returns an empty memory.
func (g *Graph[H]) Forget() []ID { return slices.Repeat([]ID{None}, len(g.Remembered)) }

// Search is the outcome of a breadth-first search from one leaf.
type Search struct {
	Leaves []ID   // in the order in which they were reached, by one edge at least
	Met    []bool // by ID: states reached, composite states around them, history states asked for
	via    []hop  // by leaf: the edge by which it was reached first
}

type hop struct{ from, target ID }

// Search finds the states that can be reached from a leaf, if history states
// remember nothing.
func (g *Graph[H]) Search(from ID) Search {
	found := Search{via: make([]hop, len(g.Nodes)), Met: make([]bool, len(g.Nodes))}
	for queue := []ID{from}; len(queue) > 0; queue = queue[1:] {
		source := &g.Nodes[queue[0]]
		for i := range source.Edges {
			e := &source.Edges[i]
			leaf := g.Route(queue[0], e, nil).Leaf
			if !found.Met[leaf] {
				found.via[leaf] = hop{queue[0], e.Target}
				found.Leaves = append(found.Leaves, leaf)
				queue = append(queue, leaf)
			}
			found.Met[e.Target] = true
			for s := range g.Up(leaf, None) {
				found.Met[s] = true
			}
		}
	}
	return found
}

// Path returns the targets to ask for, one after the other, to get from the
// search's start to a leaf that it reached.
func (s Search) Path(start, leaf ID) []ID {
	var path []ID
	for ; leaf != start; leaf = s.via[leaf].from {
		path = append(path, s.via[leaf].target)
	}
	slices.Reverse(path)
	return path
}

// Guards yields the guards of a transition: those of the edge, then those of the states
// that it enters, outermost first. A [Self] edge asks those of its target.
func (g *Graph[H]) Guards(e *Edge[H], r Route) iter.Seq[*Guard[H]] {
	return func(yield func(*Guard[H]) bool) {
		for i := range e.Guards {
			if !yield(&e.Guards[i]) {
				return
			}
		}
		domain, leaf := r.Domain, r.Leaf
		if e.Kind == Self {
			domain, leaf = g.Nodes[r.Goal].Parent, r.Goal
		}
		for s := range g.Down(domain, leaf) {
			for i := range g.Nodes[s].Guards {
				if !yield(&g.Nodes[s].Guards[i]) {
					return
				}
			}
		}
	}
}
