package fsm

import (
	"iter"
	"slices"
)

// way is what a step leaves and enters: it goes up from its source to top, without
// it, and from there down to its target.
type way struct {
	to    uint16 // the leaf in which it ends
	goal  uint16 // what was asked for: to or a state around it
	top   uint16 // the innermost state that is not left; none if all are
	stays bool   // by a Self rule: nothing is left or entered
}

// way finds the way along the edge at its place among those of a state. A nil memory
// remembers nothing.
func (d *Definition[S]) way(from uint16, at int, memory []uint16) way {
	if d.graph.tree != nil {
		return d.wayAcross(from, at, memory)
	}
	target := d.graph.targets[from][at]
	w := way{to: target, goal: target, top: none}
	if target == from && d.places[from].self == remaining {
		w.top, w.stays = from, true
	}
	return w
}

// wayAcross is way with a hierarchy.
func (d *Definition[S]) wayAcross(from uint16, at int, memory []uint16) way {
	t := d.graph.tree
	target, source := d.graph.targets[from][at], t.declared[from][at]
	if target == source && d.places[target].self == remaining {
		return way{to: from, goal: target, top: from, stays: true}
	}
	goal := t.goal(from, source, target, memory)
	return way{to: t.initial(goal), goal: goal, top: t.around(source, goal)}
}

// asked returns the guards of the states that are entered along a way, outermost
// first; for one that stays, those of its goal.
func (d *Definition[S]) asked(w way) []guard[S] {
	if d.graph.tree == nil || w.stays {
		return d.places[w.goal].guards
	}
	return gather(d, d.graph.tree.downward(w.top, w.to), func(p *place[S]) []guard[S] { return p.guards })
}

// exits returns the hooks of the states that are left on the way up to top.
func (d *Definition[S]) exits(from, top uint16) []hook[S] {
	if d.graph.tree == nil {
		return d.places[from].exit
	}
	return gather(d, d.graph.tree.upward(from, top), func(p *place[S]) []hook[S] { return p.exit })
}

// entries returns the hooks of the states that are entered on the way down from top.
func (d *Definition[S]) entries(top, to uint16) []hook[S] {
	if d.graph.tree == nil {
		return d.places[to].enter
	}
	return gather(d, d.graph.tree.downward(top, to), func(p *place[S]) []hook[S] { return p.enter })
}

// gather joins what is said about states.
func gather[S comparable, T any](d *Definition[S], states iter.Seq[uint16], said func(*place[S]) []T) (all []T) {
	for s := range states {
		all = append(all, said(&d.places[s])...)
	}
	return all
}

// certain reports whether no guard can be in the way along an edge, whatever is
// remembered.
func (d *Definition[S]) certain(from uint16, at int) bool {
	w, t := d.way(from, at, nil), d.graph.tree
	free := len(d.edgeRules(from, at).guards) == 0 && len(d.asked(w)) == 0
	r, history := t.recalled(d.graph.targets[from][at])
	if !history {
		return free
	}
	return free && !slices.ContainsFunc(d.graph.states, func(s S) bool {
		i := d.graph.index[s]
		return t.within(i, r.of) && len(d.places[i].guards) > 0
	})
}
