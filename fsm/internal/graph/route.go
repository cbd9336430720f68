package graph

import (
	"cmp"
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

// End returns where the route along an edge ends, if history states remember nothing. It
// takes the same time in hierarchies of any depth.
func (g *Graph[H]) End(from ID, e *Edge[H]) (goal, leaf ID) {
	if e.Kind == Self {
		return e.Target, from
	}
	goal = g.resolve(from, e, nil)
	return goal, g.InitialLeaf(goal)
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
		last = memory[g.Nodes[h.Of].memory]
	}
	switch {
	case last == None:
		return g.Nodes[h.Of].Children[0]
	case h.Deep:
		return last
	}
	return g.child(h.Of, last)
}

// Leaves reports whether a transition from one state to a domain leaves s.
func (g *Graph[H]) Leaves(from, domain, s ID) bool {
	return g.Within(from, s) && !g.Within(domain, s)
}

// Update returns the memory after a transition from a leaf to a domain.
func (g *Graph[H]) Update(memory []ID, from, domain ID) []ID {
	next := slices.Clone(memory)
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
	queue := []ID{from}
	follow := func(source ID, e *Edge[H]) {
		_, leaf := g.End(source, e)
		if !found.Met[leaf] {
			found.via[leaf] = hop{source, e.Target}
			found.Leaves = append(found.Leaves, leaf)
			queue = append(queue, leaf)
		}
		for s := leaf; s != None && !found.Met[s]; s = g.Nodes[s].Parent {
			found.Met[s] = true
		}
		found.Met[e.Target] = true
	}
	followed := make([]bool, len(g.Nodes)) // states whose own edges have been followed, with those of the states around
	for ; len(queue) > 0; queue = queue[1:] {
		source, s := queue[0], queue[0]
		var returns []*Edge[H]
		for ; s != None && !followed[s]; s = g.Nodes[s].Parent {
			own := g.Own(s)
			for i := range own {
				follow(source, &own[i])
			}
			followed[s] = true
			returns = append(returns, g.returns(s)...)
		}
		if s == None {
			continue
		}
		// An edge of s or of a state around it leads elsewhere from here than it did before,
		// if its target is a shallow history state of a state that this leaf lies in.
		returns = slices.DeleteFunc(append(returns, g.returns(s)...), func(e *Edge[H]) bool { return !g.Within(s, e.Declared) })
		slices.SortStableFunc(returns, func(a, b *Edge[H]) int {
			if a.Declared == b.Declared {
				return cmp.Compare(g.place(a), g.place(b))
			}
			return cmp.Compare(g.Nodes[b.Declared].First, g.Nodes[a.Declared].First)
		})
		for _, e := range returns {
			follow(source, e)
		}
	}
	return found
}

// returns lists the edges that leave a composite state for a shallow history state of
// its own. A local edge of its own does not leave it.
func (g *Graph[H]) returns(of ID) (edges []*Edge[H]) {
	for _, h := range g.shallow[of] {
		if e := g.Edge(of, h); e != nil && !e.staysIn(of) {
			edges = append(edges, e)
		}
	}
	return edges
}

// staysIn reports whether the edge is a local one of s.
func (e *Edge[H]) staysIn(s ID) bool { return e.Kind == Local && e.Declared == s }

// place is the place of an edge in the table.
func (g *Graph[H]) place(e *Edge[H]) int {
	return slices.IndexFunc(g.Nodes[e.Declared].Edges, func(o Edge[H]) bool { return o.Target == e.Target })
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

// Guards yields the guards of a transition: first the guards of the edge, then the
// guards of each entered state, outermost first. A [Self] edge asks the guards of its
// target.
func (g *Graph[H]) Guards(e *Edge[H], goal, leaf ID) iter.Seq[*Guard[H]] {
	return func(yield func(*Guard[H]) bool) {
		for each := e; each != nil; each = each.Around() {
			for i := range each.Guards {
				if !yield(&each.Guards[i]) {
					return
				}
			}
		}
		if e.Kind == Self {
			leaf = goal
		}
		g.guards(e, goal, g.Nodes[leaf].guarded, yield)
	}
}

// guards yields the guards of a state and of the states around it, as far as they are
// entered.
func (g *Graph[H]) guards(e *Edge[H], goal, s ID, yield func(*Guard[H]) bool) bool {
	if !g.enters(e, goal, s) {
		return true
	}
	if n := g.Nodes[s].Parent; n != None && !g.guards(e, goal, g.Nodes[n].guarded, yield) {
		return false
	}
	for i := range g.Nodes[s].Guards {
		if !yield(&g.Nodes[s].Guards[i]) {
			return false
		}
	}
	return true
}

// enters reports whether a transition along an edge enters s: s does not hold both source and
// goal. s is the leaf at the end of the transition, or a state around that leaf. A [Self]
// edge counts as if it entered its target.
func (g *Graph[H]) enters(e *Edge[H], goal, s ID) bool {
	switch {
	case s == None:
		return false
	case e.Kind == Self:
		return s == goal
	case e.Kind == Local && s == e.Declared:
		return false
	}
	return s == e.Declared || s == goal || !g.Within(e.Declared, s) || !g.Within(goal, s)
}

// MayRefuse reports whether a guard could refuse a transition along an edge. For a history
// state that is a guard of any state that it could stand for.
func (g *Graph[H]) MayRefuse(from ID, e *Edge[H]) bool {
	for each := e; each != nil; each = each.Around() {
		if len(each.Guards) > 0 {
			return true
		}
	}
	if of := g.Nodes[e.Target].History.Of; of != None && g.guarded[g.Nodes[of].Last] > g.guarded[g.Nodes[of].First] {
		return true
	}
	goal, leaf := g.End(from, e)
	if e.Kind == Self {
		leaf = goal
	}
	return g.enters(e, goal, g.Nodes[leaf].guarded)
}

// Steps holds the results of single transitions, if history states remember nothing. A
// leaf has its own steps and the steps of the states around it.
type Steps struct {
	To    [][]ID // by ID: leaves
	Stays []bool // by ID: a step from any leaf within leaves that leaf and leads back to it
	Self  []bool // by ID: a step from any leaf within does not leave that leaf
}

// Steps follows all edges.
func (g *Graph[H]) Steps() Steps {
	steps := Steps{To: make([][]ID, len(g.Nodes)), Stays: make([]bool, len(g.Nodes)), Self: make([]bool, len(g.Nodes))}
	add := func(s, leaf ID) { steps.To[s] = append(steps.To[s], leaf) }
	for i, n := range g.Nodes {
		switch s, of := ID(i), n.History.Of; {
		case of == None:
			g.ownSteps(s, add, steps.Self)
		case g.Edge(of, s) == nil || g.Edge(of, s).staysIn(of):
		case n.History.Deep:
			steps.Stays[of] = true
		default:
			for _, child := range g.Nodes[of].Children {
				add(child, g.InitialLeaf(child))
			}
		}
	}
	for _, s := range g.Order {
		if parent := g.Nodes[s].Parent; parent != None {
			steps.Stays[s] = steps.Stays[s] || steps.Stays[parent]
			steps.Self[s] = steps.Self[s] || steps.Self[parent]
		}
	}
	return steps
}

// ownSteps adds the steps by the edges of s. An edge to a history state of s or of a state
// within has another effect inside that state: Steps adds it.
func (g *Graph[H]) ownSteps(s ID, add func(s, leaf ID), self []bool) {
	own := g.Own(s)
	for i := range own {
		of := g.Nodes[own[i].Target].History.Of
		switch {
		case own[i].Kind == Self:
			self[s] = true
		case of == None || !g.Within(of, s) || of == s && own[i].Kind == Local:
			_, leaf := g.End(s, &own[i])
			add(s, leaf)
		default:
			for around := of; around != s; around = g.Nodes[around].Parent {
				for _, beside := range g.Nodes[g.Nodes[around].Parent].Children {
					if beside != around {
						add(beside, g.InitialLeaf(of))
					}
				}
			}
		}
	}
}
