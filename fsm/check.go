package fsm

import (
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// checkReach reports states that no machine can reach.
func (c *compiler[S]) checkReach() {
	if _, rooted := c.table[c.initial]; !rooted { // then no state can be reached, and that is reported
		return
	}
	reached := c.graph.Search(c.start).Met
	for s := range c.graph.Up(c.start, graph.None) {
		reached[s] = true
	}
	for i, s := range c.states {
		if !reached[i] {
			c.found.add("%q cannot be reached from %q", label(s), label(c.initial))
		}
	}
}

// checkFinal compares the table with the Final rule, if there is one.
func (c *compiler[S]) checkFinal() {
	if len(c.final) == 0 {
		return
	}
	for i, s := range c.states {
		id, final := graph.ID(i), slices.Contains(c.final, s)
		next := c.permitted[id]
		switch {
		case c.graph.IsComposite(id) && final:
			c.found.add("%q is final, but has others within it", label(s))
		case !c.graph.IsLeaf(id):
		case len(next) > 0 && final:
			c.found.add("%q is final, but leads to %s", label(s), names(next))
		case len(next) == 0 && !final:
			c.found.add("%q is a dead end, and not final", label(s))
		case len(next) > 0 && !slices.ContainsFunc(c.Reachable(s), func(to S) bool { return slices.Contains(c.final, to) }):
			c.found.add("%q leads to no final state", label(s))
		}
	}
}

// checkTimeouts compares the circles of leaves that only timeouts leave with the TimeoutCycle
// rules.
func (c *compiler[S]) checkTimeouts() {
	circle := c.timeoutCircles()
	var named []graph.ID
	for _, r := range c.rules {
		rule, ok := r.spec.(timeoutCycleRule[S])
		if !ok {
			continue
		}
		if len(rule.states) == 0 {
			c.found.add("the timeout cycle rule names no state")
		}
		for _, s := range rule.states {
			id, known := c.place("the timeout cycle rule", s)
			if !known {
				continue
			}
			named = append(named, id)
			if !slices.ContainsFunc(circle, func(leaf graph.ID) bool { return c.graph.Within(leaf, id) }) {
				c.found.add("the timeout cycle rule names %q, which is on no circle that only timeouts leave", label(s))
			}
		}
	}
	meant := func(leaf graph.ID) bool {
		return slices.ContainsFunc(named, func(id graph.ID) bool { return c.graph.Within(leaf, id) })
	}
	if circle = slices.DeleteFunc(circle, meant); len(circle) > 0 {
		c.found.add("nothing but timeouts leads from %s: they would go round for ever; if that is meant, add a TimeoutCycle rule", names(c.named(circle)))
	}
}

// timeoutCircles returns the leaves on circles of leaves that only timeouts leave. It
// repeatedly removes leaves without a successor or predecessor among the rest; the remaining
// leaves lie on circles or between them.
func (c *compiler[S]) timeoutCircles() (circle []graph.ID) {
	if len(c.timeouts) == 0 {
		return nil
	}
	leads := make(map[graph.ID][]graph.ID) // leaves that only timeouts leave, and where to
	for i := range c.states {
		if to := c.onlyTimeouts(graph.ID(i)); to != nil {
			leads[graph.ID(i)] = to
		}
	}
	for removed := true; removed; {
		removed = false
		for s, to := range leads {
			forth := slices.ContainsFunc(to, func(t graph.ID) bool { return leads[t] != nil })
			back := false
			for _, from := range leads {
				back = back || slices.Contains(from, s)
			}
			if !forth || !back {
				delete(leads, s)
				removed = true
			}
		}
	}
	for i := range c.states {
		if leads[graph.ID(i)] != nil {
			circle = append(circle, graph.ID(i))
		}
	}
	return circle
}

// onlyTimeouts returns where the timeouts of a leaf lead, or nil if it has an edge that no
// timeout takes.
func (c *compiler[S]) onlyTimeouts(leaf graph.ID) (to []graph.ID) {
	if !c.graph.IsLeaf(leaf) {
		return nil
	}
	edges := c.graph.Nodes[leaf].Edges
	for i := range edges {
		target := c.states[edges[i].Target]
		takes := func(t timeout[S]) bool { return t.to == target && c.graph.Within(leaf, t.id) }
		if !slices.ContainsFunc(c.timeouts, takes) {
			return nil
		}
		if edges[i].Kind != graph.Self { // which does not start the timeout again
			to = append(to, c.graph.Route(leaf, &edges[i], nil).Leaf)
		}
	}
	return to
}
