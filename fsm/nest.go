package fsm

import "slices"

// Substates puts states into another one, which is their parent then. All of them are
// keys of the table, which stays as it is:
//
//	fsm.Table[State]{
//		Idle:    {Running},
//		Running: {Idle}, // from whatever is within it
//		Warming: {Active},
//		Active:  {},
//	}
//	fsm.Substates(Running, Warming, Active)
//
// A machine is always in a leaf, a state with nothing within it. What is said about
// a parent holds in its children:
//
//   - Edges. Where the parent leads, each child leads. A child may lead further. It
//     cannot take an edge away, but a [GuardEdge] from the child is asked there, and
//     only there. To list a target that a state around lists too is a mistake.
//   - Rules for events. That of a child stands in place of all that the parent has
//     for the same event, also if its guards refuse: nothing is passed on to the
//     parent then.
//   - Guards and hooks of edges: those of the child are asked first.
//   - Timeouts: they run from the entry of the parent to its exit, whatever goes on
//     between its children.
//
// A step to a parent enters the first of its children with it, and so on down to a
// leaf. Guards, exit and entry hooks of a parent run when it is entered or left, not
// for steps within it.
//
// What is left and entered is as for the external transitions of UML and SCXML:
// everything up to the innermost state that holds both source and target and is
// neither, and from there down. The source is the state in whose list the edge
// stands. So where Running lists Active, that step leaves Running and enters it
// again; where Warming lists Active it does not.
func Substates[S comparable](parent S, children ...S) Rule[S] {
	children = slices.Clone(children)
	return Rule[S]{
		order: func(inner map[S][]S) { inner[parent] = append(inner[parent], children...) },
		shape: func(d *Definition[S], found *problems) { d.nest(parent, children, found) },
	}
}

// ShallowHistory makes a state stand for the child of another that was left last
// together with it, and for its first child if there was none. It is a key of the
// table, with an empty list, and may be a target like any; a machine is never in it.
// What is within that child is entered as for the first time; [DeepHistory] goes
// back to the leaf.
//
// A [Machine.Reset] makes a machine forget what it remembers.
func ShallowHistory[S comparable](state, of S) Rule[S] { return historyRule(state, of, false) }

// DeepHistory makes a state stand for the leaf within another that was left last
// together with it. Compare [ShallowHistory].
func DeepHistory[S comparable](state, of S) Rule[S] { return historyRule(state, of, true) }

func historyRule[S comparable](state, of S, deep bool) Rule[S] {
	return Rule[S]{shape: func(d *Definition[S], found *problems) { d.remember(state, of, deep, found) }}
}

// grown is the tree that shapes put states into.
func (d *Definition[S]) grown() *tree {
	if d.tree == nil {
		d.tree = newTree(len(d.graph.states))
	}
	return d.tree
}

// nest puts states into another. What cannot be is reported and left out, so that
// what is left is a tree, and other mistakes are found too.
func (d *Definition[S]) nest(parent S, children []S, found *problems) {
	t := d.grown()
	if len(children) == 0 {
		found.add("nothing is said to be within %q", label(parent))
	}
	around, known := d.number("the within rule", parent, found)
	if known && len(t.children[around]) > 0 {
		found.add("there is more than one within rule for %q", label(parent))
	}
	for _, child := range children {
		i, also := d.number("the within rule", child, found)
		switch {
		case !known || !also:
		case t.within(around, i):
			found.add("%q is within %q, which is within it", label(child), label(parent))
		case t.parent[i] == around:
			found.add("%q is said to be within %q more than once", label(child), label(parent))
		case t.parent[i] != none:
			found.add("%q is within both %q and %q", label(child), label(d.graph.states[t.parent[i]]), label(parent))
		default:
			t.parent[i] = around
			t.children[around] = append(t.children[around], i)
		}
	}
}

func (d *Definition[S]) remember(state, of S, deep bool, found *problems) {
	t := d.grown()
	i, known := d.number("the history rule", state, found)
	around, also := d.number("the history rule", of, found)
	switch {
	case !known || !also:
	case t.recalls[i].of != none:
		found.add("there is more than one history rule for %q", label(state))
	default:
		t.recalls[i] = recall{around, deep}
	}
}

// number is the index of a state. One that is unknown is reported.
func (d *Definition[S]) number(rule string, s S, found *problems) (uint16, bool) {
	i, ok := d.graph.index[s]
	if !ok {
		found.add("%s is for %q, which is not in the table", rule, label(s))
	}
	return i, ok
}

// checkTree finds what is wrong with history states, once all that lies within each
// other is known, and leaves those out.
func (d *Definition[S]) checkTree(found *problems) {
	t := d.tree
	if t == nil {
		return
	}
	for i, r := range t.recalls {
		if r.of == none {
			continue
		}
		s, of := label(d.graph.states[i]), label(d.graph.states[r.of])
		sound := true
		wrong := func(format string, args ...any) { found.add(format, args...); sound = false }
		if len(t.children[r.of]) == 0 {
			wrong("history state %q is of %q, which has nothing within it", s, of)
		}
		if t.parent[i] != none || len(t.children[i]) > 0 {
			wrong("history state %q cannot lie within another, nor another within it", s)
		}
		if len(d.graph.targets[i]) > 0 {
			wrong("history state %q leads to %s, but stands for what it remembers", s, names(d.graph.next[i]))
		}
		if i == 0 {
			wrong("history state %q cannot be the initial one", s)
		}
		if !sound {
			t.recalls[i].of = none
		} else if !slices.Contains(t.kept, r.of) {
			t.kept = append(t.kept, r.of)
		}
	}
}

// inherit returns the graph in which every state has the edges of those around it,
// after its own.
func (g *graph[S]) inherit(t *tree, found *problems) *graph[S] {
	if t == nil {
		return g
	}
	more := &graph[S]{states: g.states, index: g.index, rooted: g.rooted, tree: t}
	more.targets, more.next = make([][]uint16, len(g.states)), make([][]S, len(g.states))
	t.declared = make([][]uint16, len(g.states))
	for i := range g.states {
		for s := range t.upward(uint16(i), none) {
			for _, to := range g.targets[s] {
				if !slices.Contains(more.targets[i], to) {
					more.targets[i] = append(more.targets[i], to)
					more.next[i] = append(more.next[i], g.states[to])
					t.declared[i] = append(t.declared[i], s)
				} else if s != uint16(i) && slices.Contains(g.targets[i], to) {
					found.add("%q leads to %q, and so does %q around it", label(g.states[i]), label(g.states[to]), label(g.states[s]))
				}
			}
		}
		more.next[i] = slices.Clip(more.next[i])
	}
	return more
}

// In reports whether a state is another or lies within it, at any depth.
func (d *Definition[S]) In(state, around S) bool {
	i, known := d.graph.index[state]
	j, also := d.graph.index[around]
	return known && also && d.graph.tree.within(i, j)
}

// Parent returns the state around another, if there is one.
func (d *Definition[S]) Parent(state S) (parent S, ok bool) {
	i, known := d.graph.index[state]
	if !known || d.graph.tree.outer(i) == none {
		return parent, false
	}
	return d.graph.states[d.graph.tree.outer(i)], true
}

// Children returns what lies directly within a state, that which is entered with it
// first.
func (d *Definition[S]) Children(state S) []S {
	i, known := d.graph.index[state]
	if !known || !d.graph.tree.composite(i) {
		return nil
	}
	var children []S
	for _, c := range d.graph.tree.children[i] {
		children = append(children, d.graph.states[c])
	}
	return children
}

// HistoryState returns what a history state remembers, and whether it is one.
func (d *Definition[S]) HistoryState(state S) (of S, deep, ok bool) {
	i, known := d.graph.index[state]
	if !known {
		return of, false, false
	}
	r, ok := d.graph.tree.recalled(i)
	if !ok {
		return of, false, false
	}
	return d.graph.states[r.of], r.deep, true
}

// In reports whether the machine is in a state or in one that lies within it.
func (m *Machine[S]) In(s S) bool { return m.def.In(m.State(), s) }
