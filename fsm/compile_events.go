package fsm

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// handleEvents compiles the rules for events: those for named states by event and state,
// then those for any state.
func (c *compiler[S]) handleEvents() {
	c.handlers, c.handled = make([][]handler[S], len(c.states)), make([][]string, len(c.states))
	c.numbers, c.read = make(map[*event]uint16), []bool{false}
	rules := [][]*eventRule[S]{nil} // by number
	for _, r := range c.rules {
		if rule, ok := r.spec.(*eventRule[S]); ok && c.checkEventRule(rule) {
			number, known := c.numbers[rule.event]
			if !known {
				c.events = append(c.events, rule.event)
				number = uint16(len(c.events))
				c.numbers[rule.event] = number
				c.read, rules = append(c.read, false), append(rules, nil)
			}
			c.read[number] = c.read[number] || len(rule.guards)+len(rule.acts) > 0 || rule.kind == chooses
			rules[number] = append(rules[number], rule)
		}
	}
	for _, name := range repeated(c.Events()) {
		c.found.add("2 events are called %q", name)
	}
	if len(c.events) >= entered {
		c.found.add("%d events, more than %d", len(c.events), entered-1)
		return
	}
	c.leaves = make([]int, len(c.states)+1)
	for i, s := range c.graph.Order {
		c.leaves[i+1] = c.leaves[i]
		if c.graph.IsLeaf(s) {
			c.leaves[i+1]++
		}
	}
	offers := make([][]*eventRule[S], len(rules))
	for number, all := range rules {
		rules[number] = slices.DeleteFunc(all, func(r *eventRule[S]) bool {
			if r.kind == offered {
				offers[number] = append(offers[number], r)
			}
			return r.kind == offered
		})
		c.named = append(c.named, c.handleNamed(uint16(number), rules[number]))
	}
	c.inheritHandlers()
	c.offering = make([][]*handler[S], len(rules))
	for number, all := range offers {
		if len(all) > 0 {
			c.offer(uint16(number), all)
		}
	}
	for number, all := range rules {
		c.handleAny(uint16(number), all)
	}
	for number, all := range rules {
		for _, r := range all {
			if !c.appliesSomewhere(uint16(number), r) {
				c.found.add("%v%s applies nowhere", r, r.targets())
			}
		}
		if len(offers[number]) > 0 {
			c.checkOffers(uint16(number), offers[number])
		}
	}
}

// handleNamed compiles the rules for one event that name states. It returns these states in
// the order of the graph.
func (c *compiler[S]) handleNamed(number uint16, all []*eventRule[S]) (states []graph.ID) {
	type holding struct {
		in   graph.ID
		rule int // place in all
	}
	var rules []holding
	for i, r := range all {
		for _, s := range r.source.states {
			if id, known := c.ids[s]; known && !c.graph.IsHistory(id) {
				rules = append(rules, holding{id, i})
			}
		}
	}
	slices.SortStableFunc(rules, func(a, b holding) int { return cmp.Compare(c.graph.Nodes[a.in].First, c.graph.Nodes[b.in].First) })
	rules = slices.Compact(rules) // of states that a rule names twice
	var of []*eventRule[S]
	for i, r := range rules {
		of = append(of, all[r.rule])
		if i+1 == len(rules) || rules[i+1].in != r.in {
			states = append(states, r.in)
			c.addHandler(r.in, number, c.candidates(r.in, of, true))
			of = of[:0]
		}
	}
	return states
}

// addHandler gives a state its candidates for an event.
func (c *compiler[S]) addHandler(s graph.ID, number uint16, candidates []candidate[S]) {
	e := c.events[number-1]
	c.handlers[s] = append(c.handlers[s], handler[S]{event: e, number: number, state: s, candidates: candidates})
	if candidates[0].kind != ignored {
		c.handled[s] = append(c.handled[s], e.name)
	}
}

// inheritHandlers makes handlers known to the states within.
func (c *compiler[S]) inheritHandlers() {
	most := 0
	for _, own := range c.handlers {
		most = max(most, len(own))
	}
	if !c.graph.Nested && most <= few {
		return
	}
	c.inherited = graph.NewIndex(c.graph, len(c.events)+1, func(s graph.ID, add func(graph.ID, *handler[S])) {
		for i := range c.handlers[s] {
			h := &c.handlers[s][i]
			add(graph.ID(h.number), h)
		}
	})
}

// handleAny compiles the FromAny rules for one event.
func (c *compiler[S]) handleAny(number uint16, all []*eventRule[S]) {
	certain := false // some rule but the last has no guard, so that another might not be reached
	for _, r := range all {
		if !r.source.any {
			continue
		}
		if c.anywhere == nil {
			c.anywhere, c.toward = make([][]candidate[S], len(c.events)+1), make(map[graph.ID][]anywhereRule)
		}
		rule := anywhereRule{number, int32(len(c.anywhere[number]))}
		if rule.place > 0 {
			certain = certain || len(c.anywhere[number][rule.place-1].guards) == 0
		}
		c.anywhere[number] = append(c.anywhere[number], candidate[S]{eventRule: r})
		if r.kind == internal || r.kind == ignored {
			c.toward[graph.None] = append(c.toward[graph.None], rule)
		}
		for _, to := range r.to {
			if id, known := c.ids[to]; known {
				c.toward[id] = append(c.toward[id], rule)
			}
		}
	}
	if !certain {
		return
	}
	for s := range c.leavesOfAny(number) {
		if c.handler(s, number) != nil {
			continue
		}
		var rules []*eventRule[S]
		for _, r := range c.rulesFor(s, number) {
			if _, ok := c.applies(s, &r); ok {
				rules = append(rules, r.eventRule)
			}
		}
		c.candidates(s, rules, true)
	}
}

// leavesOfAny returns the leaves in which two FromAny rules for an event may hold. A rule holds
// where an edge leads to its target, and in every leaf if it has no target.
func (c *compiler[S]) leavesOfAny(number uint16) map[graph.ID]bool {
	leaves, everywhere := make(map[graph.ID]bool), 0
	add := func(first, last graph.ID) {
		for _, s := range c.graph.Order[first:last] {
			if c.graph.IsLeaf(s) {
				leaves[s] = true
			}
		}
	}
	for _, r := range c.anywhere[number] {
		if len(r.to) == 0 {
			everywhere++
		}
		for _, to := range r.to {
			if target, known := c.ids[to]; known {
				for _, s := range c.sources()[target] {
					add(c.graph.Nodes[s].First, c.graph.Nodes[s].Last)
				}
			}
		}
	}
	if everywhere > 1 {
		add(0, graph.ID(len(c.states)))
	}
	return leaves
}

// offer notes which handlers of an event offer it to the states around. Only the others keep
// rules of states around them from holding within: they alone stay in c.named.
func (c *compiler[S]) offer(number uint16, offers []*eventRule[S]) {
	inAny, named := false, make(map[graph.ID]bool)
	for _, r := range offers {
		inAny = inAny || r.source.any
		for _, s := range r.source.states {
			if id, known := c.ids[s]; known {
				named[id] = true
			}
		}
	}
	c.named[number] = slices.DeleteFunc(c.named[number], func(s graph.ID) bool { // the outermost first
		h := c.handler(s, number)
		if h.offers = named[s] || inAny && !c.isCertain(h); !h.offers {
			return false
		}
		around := c.handlerAround(h)
		h.passes = around == nil || around.passes
		c.offering[number] = append(c.offering[number], h)
		return true
	})
}

// checkOffers reports OfferToParent rules without effect, and rules after them that are never
// reached.
func (c *compiler[S]) checkOffers(number uint16, offers []*eventRule[S]) {
	effective := make(map[graph.ID]bool)
	follow := c.followed(number)
	for _, h := range c.offering[number] {
		n := &c.graph.Nodes[h.state]
		if !follow[h] || !c.graph.IsLeaf(h.state) && !c.leavesTo(number, n.First+1, n.Last) {
			continue
		}
		effective[h.state] = true
		if !c.isCertain(h) {
			continue
		}
		var rules []*eventRule[S]
		for _, r := range c.withOffered(h.state, h) {
			if _, ok := c.applies(h.state, &r); ok {
				rules = append(rules, r.eventRule)
			}
		}
		c.candidates(h.state, rules, true)
	}
	named := make(map[S]bool)
	for _, r := range offers {
		if r.source.any && len(effective) == 0 {
			c.found.add("event %q is offered to the parent of no state: none has rules for it that may all refuse, and others after them", r.event.name)
		}
		for _, s := range r.source.states {
			id, known := c.ids[s]
			switch {
			case named[s]:
				c.found.add("event %q is offered to the parent of %q more than once", r.event.name, label(s))
			case known && !c.graph.IsHistory(id) && !effective[id]:
				c.found.add("event %q is offered to the parent of %q, which has no rule for it, or none follows", r.event.name, label(s))
			}
			named[s] = true
		}
	}
}

// followed returns the handlers that offer an event to a handler around, or to FromAny rules
// that hold in the state or in a leaf within.
func (c *compiler[S]) followed(number uint16) map[*handler[S]]bool {
	follow, missing := make(map[*handler[S]]bool), false
	for _, h := range c.offering[number] {
		follow[h] = c.handlerAround(h) != nil || slices.ContainsFunc(c.rulesAnywhere(h.state, number), func(r candidate[S]) bool {
			_, ok := c.applies(h.state, &r)
			return ok
		})
		missing = missing || !follow[h]
	}
	if !missing || c.anywhere == nil {
		return follow
	}
	within := make(map[*handler[S]]bool) // with FromAny rules that hold in a leaf within
	for _, r := range c.anywhere[number] {
		for _, to := range r.to {
			target, known := c.ids[to]
			if !known {
				continue
			}
			for _, s := range c.sources()[target] {
				n := &c.graph.Nodes[s]
				if h := c.handler(s, number); h != nil && h.passes && c.leavesTo(number, n.First, n.Last) {
					within[h] = true
				}
			}
		}
	}
	for _, h := range slices.Backward(c.offering[number]) {
		if !within[h] {
			continue
		}
		follow[h] = true
		if around := c.handlerAround(h); around != nil {
			within[around] = true
		}
	}
	return follow
}

// isCertain reports whether a candidate of a handler is taken whenever it is reached: not if a
// state within may have guards for an edge that has none from the handler's state.
func (c *compiler[S]) isCertain(h *handler[S]) bool {
	return !(c.refined && c.graph.IsComposite(h.state)) &&
		slices.ContainsFunc(h.candidates, func(r candidate[S]) bool { return c.certain(h.state, r.eventRule) })
}

// certain reports whether a rule that holds in a state is taken whenever it is reached.
func (c *compiler[S]) certain(s graph.ID, r *eventRule[S]) bool {
	return len(r.guards) == 0 && !slices.ContainsFunc(r.to, func(to S) bool {
		edge := c.edge(s, to)
		return edge != nil && c.graph.MayRefuse(s, edge)
	})
}

// appliesSomewhere reports whether a rule for any state, or for a composite one, holds in
// some leaf.
func (c *compiler[S]) appliesSomewhere(number uint16, r *eventRule[S]) bool {
	if !r.source.any {
		composite := false
		for _, s := range r.source.states {
			id, known := c.ids[s]
			if !known {
				continue
			}
			if c.graph.IsLeaf(id) || c.graph.IsComposite(id) && c.leavesTo(number, c.graph.Nodes[id].First+1, c.graph.Nodes[id].Last) {
				return true
			}
			composite = composite || c.graph.IsComposite(id)
		}
		return !composite
	}
	if r.kind == internal || r.kind == ignored {
		return c.leavesTo(number, 0, graph.ID(len(c.states)))
	}
	for _, to := range r.to {
		target, known := c.ids[to]
		if !known {
			continue
		}
		for _, s := range c.sources()[target] {
			if h := c.handler(s, number); (h == nil || h.passes) && c.leavesTo(number, c.graph.Nodes[s].First, c.graph.Nodes[s].Last) {
				return true
			}
		}
	}
	return false
}

// leavesTo reports whether, among the states at some places of the order, a leaf lies outside
// all states that rules for the event name and that do not offer it to their parents.
func (c *compiler[S]) leavesTo(number uint16, first, last graph.ID) bool {
	free, named := c.leaves[last]-c.leaves[first], c.named[number]
	for {
		i, _ := slices.BinarySearchFunc(named, first, func(s, place graph.ID) int { return cmp.Compare(c.graph.Nodes[s].First, place) })
		if i == len(named) || c.graph.Nodes[named[i]].First >= last {
			return free > 0
		}
		named = named[i:]
		n := &c.graph.Nodes[named[0]]
		free -= c.leaves[n.Last] - c.leaves[n.First]
		first = n.Last
	}
}

// sources returns, by target, the states with an edge of their own to it.
func (c *compiler[S]) sources() [][]graph.ID {
	if c.into == nil {
		c.into = make([][]graph.ID, len(c.states))
		for i := range c.states {
			for _, e := range c.graph.Own(graph.ID(i)) {
				c.into[e.Target] = append(c.into[e.Target], graph.ID(i))
			}
		}
	}
	return c.into
}

// checkEventRule reports the problems of a rule by itself and lists its event. It returns
// false if the rule has no event.
func (c *compiler[S]) checkEventRule(r *eventRule[S]) bool {
	if !r.source.any && len(r.source.states) == 0 {
		c.found.add("%v has no source", r)
	}
	if r.kind == chooses && r.choose == nil {
		c.found.add("%v: the choice has no function", r)
	}
	if r.kind == chooses && len(r.to) == 0 {
		c.found.add("%v: the choice has no targets", r)
	}
	named := make([]string, 0, len(r.guards))
	for _, g := range r.guards {
		if g.name == "" {
			c.found.add("%v: a guard has no name", r)
		} else {
			named = append(named, g.name)
		}
		if g.check == nil {
			c.found.add("%v: guard %q has no function", r, g.name)
		}
	}
	for _, name := range repeated(named) {
		c.found.add("%v: guard %q is given more than once", r, name)
	}
	if slices.ContainsFunc(r.acts, func(act argumentHook[S]) bool { return act == nil }) {
		c.found.add("%v: a Do has no function", r)
	}
	if r.event == nil {
		c.found.add("an event is empty: events come from NewEvent")
		return false
	}
	if r.event.name == "" {
		c.found.add("an event has no name")
	} else if !utf8.ValidString(r.event.name) { // a snapshot would have another name in its history
		c.found.add("the name of event %q is not UTF-8", r.event.name)
	}
	for _, s := range r.source.states {
		if id, known := c.ids[s]; !known {
			c.found.add("%v names %q, which is not in the table", r, label(s))
		} else if c.graph.IsHistory(id) {
			c.found.add("%v names %q, which is a history state", r, label(s))
		}
	}
	for _, s := range repeated(r.source.states) {
		c.found.add("%v names %q more than once", r, label(s))
	}
	for _, s := range r.to {
		if _, known := c.ids[s]; !known {
			c.found.add("%v names %q, which is not in the table", r, label(s))
		}
	}
	for _, s := range repeated(r.to) {
		c.found.add("%v may choose %q more than once", r, label(s))
	}
	return true
}

// candidates compiles the rules for one event in one state. Without own, mistakes in them are
// reported in another state.
func (c *compiler[S]) candidates(s graph.ID, rules []*eventRule[S], own bool) []candidate[S] {
	report := func(format string, args ...any) {
		if own {
			c.found.add(format, args...)
		}
	}
	all := make([]candidate[S], 0, len(rules))
	var last *eventRule[S] // the rule after which no other is tried
	for _, r := range rules {
		switch {
		case last == nil:
		case last.kind == ignored || r.kind == ignored:
			report("event %q is ignored in %q, and has another rule there", r.event.name, label(c.states[s]))
		case len(r.guards) == 0 && last.kind == r.kind && slices.Equal(last.to, r.to):
			report("event %q%s is given more than once for %q", r.event.name, r.targets(), label(c.states[s]))
		default:
			report("event %q%s is never reached in %q: the rule before it has no guard", r.event.name, r.targets(), label(c.states[s]))
		}
		cand := candidate[S]{eventRule: r}
		for _, to := range r.to {
			target, known := c.ids[to]
			if !known {
				continue
			}
			edge := c.graph.Edge(s, target)
			if edge == nil && !r.source.any {
				report("event %q leads from %q to %q, which the table does not", r.event.name, label(c.states[s]), label(to))
			}
			if edge != nil && r.kind == leads {
				cand.edge = edge
			}
		}
		if last == nil && c.certain(s, r) {
			last = r
		}
		all = append(all, cand)
	}
	return all
}

// repeated returns the elements of a list that were in it before.
func repeated[T comparable](list []T) (again []T) {
	if len(list) < 2 {
		return nil
	}
	seen := make(map[T]bool, len(list))
	for _, e := range list {
		if seen[e] {
			again = append(again, e)
		}
		seen[e] = true
	}
	return again
}

func (r *eventRule[S]) targets() string {
	if len(r.to) == 0 {
		return ""
	}
	return " to " + names(r.to)
}

func (r *eventRule[S]) String() string {
	source := "any state"
	if !r.source.any {
		source = fmt.Sprintf("%q", labels(r.source.states))
	}
	return fmt.Sprintf("event %q from %s", r.event.text(), source)
}
