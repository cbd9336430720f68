package fsm

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// checkLabels reports states that print alike: in a message, a record or a drawing nobody could
// tell them apart.
func (c *compiler[S]) checkLabels() {
	if t := reflect.TypeFor[S](); t.NumMethod() == 0 && (t.Kind() < reflect.Float32 || t.Kind() == reflect.String) {
		return // fmt prints them as they are
	}
	printed := make(map[string]graph.ID, len(c.states)) // the first state with each label
	alike := make(map[string][]string)
	for i, s := range c.states {
		if i == 0 && !c.rooted {
			continue
		}
		text := label(s)
		if first, taken := printed[text]; !taken {
			printed[text] = graph.ID(i)
		} else {
			if alike[text] == nil {
				alike[text] = []string{fmt.Sprintf("%#v", c.states[first])}
			}
			alike[text] = append(alike[text], fmt.Sprintf("%#v", s))
		}
	}
	for text, states := range alike {
		slices.Sort(states)
		c.found.add("%d states print as %q: %s", len(states), text, names(states))
	}
}

// checkReach reports states that no machine can reach.
func (c *compiler[S]) checkReach() {
	if !c.rooted { // then no state can be reached, and that is reported
		return
	}
	reached := c.graph.Search(c.start).Met
	for s := range c.graph.Up(c.start, graph.None) {
		reached[s] = true
	}
	for i := range c.states {
		if !reached[i] {
			c.found.add("%q cannot be reached from %q", label(c.states[i]), label(c.states[0]))
		}
	}
}

// checkFinal compares the table with the Final rule, if there is one.
func (c *compiler[S]) checkFinal() {
	if len(c.final) == 0 {
		return
	}
	final := make([]bool, len(c.states))
	for _, s := range c.final {
		if id, known := c.ids[s]; known {
			final[id] = true
		}
	}
	leaves := make([]bool, len(c.states)) // whether a state, or one around it, leads anywhere
	for _, s := range c.graph.Order {
		parent := c.graph.Nodes[s].Parent
		leaves[s] = len(c.graph.Own(s)) > 0 || parent != graph.None && leaves[parent]
	}
	ends := c.leadToFinal(final)
	for i := range c.states {
		id, s := graph.ID(i), label(c.states[i])
		switch {
		case c.graph.IsComposite(id) && final[i]:
			c.found.add("%q is final, but has others within it", s)
		case !c.graph.IsLeaf(id):
		case leaves[i] && final[i]:
			c.found.add("%q is final, but leads to %s", s, names(c.permitted(id)))
		case !leaves[i] && !final[i]:
			c.found.add("%q is a dead end, and not final", s)
		case leaves[i] && !ends[i]:
			c.found.add("%q leads to no final state", s)
		}
	}
}

// leadToFinal returns, by ID, whether a path of at least one edge leads from a state to a
// final one, or to a state within a final one. It follows all steps backwards.
func (c *compiler[S]) leadToFinal(final []bool) (leads []bool) {
	steps := c.graph.Steps()
	from := backwards(steps.To)
	leads = make([]bool, len(c.states))
	within := make([]bool, len(c.states)) // a final state
	var queue []graph.ID
	mark := func(s graph.ID) { // and with it all states within
		for order := c.graph.Order[c.graph.Nodes[s].First:c.graph.Nodes[s].Last]; len(order) > 0; {
			inner := &c.graph.Nodes[order[0]]
			if leads[order[0]] {
				order = order[inner.Last-inner.First:]
				continue
			}
			leads[order[0]] = true
			queue = append(queue, order[0])
			order = order[1:]
		}
	}
	for _, s := range c.graph.Order {
		parent := c.graph.Nodes[s].Parent
		within[s] = final[s] || parent != graph.None && within[parent]
		if within[s] {
			for _, source := range from[s] {
				mark(source)
			}
			if steps.Stays[s] || steps.Self[s] {
				mark(s)
			}
		}
	}
	for ; len(queue) > 0; queue = queue[1:] {
		for _, source := range from[queue[0]] {
			mark(source)
		}
	}
	return leads
}

// backwards turns steps round: by ID, the states that lead to a state.
func backwards(to [][]graph.ID) (from [][]graph.ID) {
	from = make([][]graph.ID, len(to))
	for s, targets := range to {
		for _, target := range targets {
			from[target] = append(from[target], graph.ID(s))
		}
	}
	return from
}

// checkTimeouts compares the circles of leaves that only timeouts leave with the TimeoutCycle
// rules.
func (c *compiler[S]) checkTimeouts() {
	if len(c.timeouts) > graph.Max { // timeoutsOf cannot number them
		c.found.add("%d timeouts, more than %d", len(c.timeouts), graph.Max)
		return
	}
	circle := c.timeoutCircles()
	before := make([]int, len(c.states)+1) // by place: leaves of circles before it
	for i, s := range c.graph.Order {
		before[i+1] = before[i]
		if circle[s] {
			before[i+1]++
		}
	}
	meant := make([]bool, len(c.states))
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
			meant[id] = true
			if n := &c.graph.Nodes[id]; before[n.First] == before[n.Last] {
				c.found.add("the timeout cycle rule names %q, which is on no circle that only timeouts leave", label(c.states[id]))
			}
		}
	}
	for _, s := range c.graph.Order {
		parent := c.graph.Nodes[s].Parent
		meant[s] = meant[s] || parent != graph.None && meant[parent]
	}
	var left []S
	for i, s := range c.states {
		if circle[i] && !meant[i] {
			left = append(left, s)
		}
	}
	if len(left) > 0 {
		c.found.add("nothing but timeouts leads from %s: they would go round for ever; if that is meant, add a TimeoutCycle rule", names(left))
	}
}

// timeoutCircles returns, by ID, whether a state is a leaf on a circle of leaves that only
// timeouts leave. It repeatedly removes leaves without a successor or predecessor among the
// rest; the remaining leaves lie on circles or between them. A composite state stands for its
// edges: the leaves within lead to it, and it leads to the state around and to where its own
// edges lead. A Self edge does not start a timeout again, and is no part of a circle.
func (c *compiler[S]) timeoutCircles() []bool {
	if len(c.timeouts) == 0 {
		return make([]bool, len(c.states))
	}
	rest := c.onlyTimeouts() // and composite states
	steps := c.graph.Steps()
	for s := range c.states {
		if steps.Stays[s] && c.graph.IsLeaf(graph.ID(s)) {
			steps.To[s] = append(steps.To[s], graph.ID(s))
		}
		if parent := c.graph.Nodes[s].Parent; parent != graph.None {
			steps.To[s] = append(steps.To[s], parent)
		}
	}
	from := backwards(steps.To)
	forth, back := make([]int, len(c.states)), make([]int, len(c.states)) // successors and predecessors in rest
	for s, targets := range steps.To {
		for _, to := range targets {
			if rest[s] && rest[to] {
				forth[s]++
				back[to]++
			}
		}
	}
	var alone []int
	for s := range rest {
		if rest[s] && (forth[s] == 0 || back[s] == 0) {
			alone = append(alone, s)
		}
	}
	for ; len(alone) > 0; alone = alone[1:] {
		s := alone[0]
		if !rest[s] {
			continue
		}
		rest[s] = false
		for _, to := range steps.To[s] {
			if back[to]--; rest[to] && back[to] == 0 {
				alone = append(alone, int(to))
			}
		}
		for _, source := range from[s] {
			if forth[source]--; rest[source] && forth[source] == 0 {
				alone = append(alone, int(source))
			}
		}
	}
	for i := range c.states {
		rest[i] = rest[i] && c.graph.IsLeaf(graph.ID(i))
	}
	return rest
}

// onlyTimeouts returns, by ID, whether a state is composite, or a leaf with edges that are
// all taken by timeouts, of its own or of the states around it.
func (c *compiler[S]) onlyTimeouts() []bool {
	only := make([]bool, len(c.states))
	edges, untaken := make([]int, len(c.states)), make([]int, len(c.states)) // by ID, with those around
	taken := make([]int, len(c.states))                                      // by target: timeouts of the state under way and those around it
	var walk func(s graph.ID)
	walk = func(s graph.ID) {
		n := &c.graph.Nodes[s]
		if n.Parent != graph.None {
			edges[s], untaken[s] = edges[n.Parent], untaken[n.Parent]
		}
		inherited := func(target graph.ID) bool {
			return n.Parent != graph.None && c.graph.Edge(n.Parent, target) != nil
		}
		for _, i := range c.timeoutsOf[s] {
			target := c.ids[c.timeouts[i].to]
			if taken[target]++; taken[target] == 1 && inherited(target) {
				untaken[s]--
			}
		}
		for _, e := range c.graph.Own(s) {
			if edges[s]++; taken[e.Target] == 0 && !inherited(e.Target) {
				untaken[s]++
			}
		}
		only[s] = c.graph.IsComposite(s) || c.graph.IsLeaf(s) && edges[s] > 0 && untaken[s] == 0
		for _, child := range n.Children {
			walk(child)
		}
		for _, i := range c.timeoutsOf[s] {
			taken[c.ids[c.timeouts[i].to]]--
		}
	}
	for i := range c.states {
		if c.graph.Nodes[i].Parent == graph.None {
			walk(graph.ID(i))
		}
	}
	return only
}
