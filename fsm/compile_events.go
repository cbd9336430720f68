package fsm

import (
	"fmt"
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// usedRule is a rule for an event, and whether it applies to some leaf.
type usedRule[S comparable] struct {
	*eventRule[S]
	used bool
}

// handleEvents compiles the rules for events, state by state.
func (c *compiler[S]) handleEvents() {
	c.handlers, c.handled = make([][]handler[S], len(c.states)), make([][]string, len(c.states))
	var all []*usedRule[S]
	for _, r := range c.rules {
		if rule, ok := r.spec.(eventRule[S]); ok && c.checkEventRule(&rule) {
			all = append(all, &usedRule[S]{&rule, false})
		}
	}
	if len(c.events) >= entered {
		c.found.add("%d events, more than %d", len(c.events), entered-1)
		return
	}
	for i, e := range c.events {
		var rules, offers []*usedRule[S]
		for _, r := range all {
			switch {
			case r.event != e:
			case r.kind == offered:
				offers = append(offers, r)
			default:
				rules = append(rules, r)
			}
		}
		offering := make(map[graph.ID]bool)
		for s := range c.states {
			if in, own := c.rulesIn(graph.ID(s), rules, offers, offering); len(in) > 0 {
				c.handle(graph.ID(s), uint16(i+1), in, own)
			}
		}
		c.checkOffers(offers, offering)
	}
	for _, r := range all {
		composite := slices.ContainsFunc(r.source.states, func(s S) bool {
			id, known := c.ids[s]
			return known && c.graph.IsComposite(id)
		})
		if !r.used && (r.source.any || composite) && r.kind != offered {
			c.found.add("%v%s applies nowhere", r.eventRule, r.targets())
		}
	}
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
	for i, g := range r.guards {
		switch {
		case g.name == "":
			c.found.add("%v: a guard has no name", r)
		case slices.ContainsFunc(r.guards[:i], func(o argumentGuard[S]) bool { return o.name == g.name }):
			c.found.add("%v: guard %q is given more than once", r, g.name)
		}
		if g.check == nil {
			c.found.add("%v: guard %q has no function", r, g.name)
		}
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
	}
	if !slices.Contains(c.events, r.event) {
		if slices.ContainsFunc(c.events, func(e *event) bool { return e.name == r.event.name }) {
			c.found.add("2 events are called %q", r.event.name)
		}
		c.events = append(c.events, r.event)
	}
	if len(r.guards)+len(r.acts) > 0 || r.kind == chooses {
		c.read = append(c.read, r.event)
	}
	for i, s := range r.source.states {
		if id, known := c.ids[s]; !known {
			c.found.add("%v names %q, which is not in the table", r, label(s))
		} else if c.graph.IsHistory(id) {
			c.found.add("%v names %q, which is a history state", r, label(s))
		}
		if slices.Contains(r.source.states[:i], s) {
			c.found.add("%v names %q more than once", r, label(s))
		}
	}
	for i, s := range r.to {
		if _, known := c.ids[s]; !known {
			c.found.add("%v names %q, which is not in the table", r, label(s))
		}
		if slices.Contains(r.to[:i], s) {
			c.found.add("%v may choose %q more than once", r, label(s))
		}
	}
	return true
}

// rulesIn returns the rules for one event that hold in a state: those that name it; or else
// those of the nearest state around it with rules for the event; or else the FromAny rules
// that could lead from it. An OfferToParent rule of a state that has such rules adds those that
// would hold without; the state is noted in offering. own reports whether the first of the
// rules are the state's own.
func (c *compiler[S]) rulesIn(s graph.ID, rules, offers []*usedRule[S], offering map[graph.ID]bool) (in []*usedRule[S], own bool) {
	if c.graph.IsHistory(s) {
		return nil, false
	}
	offerer := graph.None // the state whose rules are the last of in, and which offers the event
	take := func(holds func(*usedRule[S]) bool) (found bool) {
		for _, r := range rules {
			if holds(r) {
				in, found = append(in, r), true
				r.used = r.used || c.graph.IsLeaf(s)
			}
		}
		if found && offerer != graph.None && c.graph.IsLeaf(s) {
			offering[offerer] = true
		}
		return found
	}
	for around := range c.graph.Up(s, graph.None) {
		first := len(in) == 0
		if !take(func(r *usedRule[S]) bool { return slices.Contains(r.source.states, c.states[around]) }) {
			continue
		}
		own = own || first && around == s
		if offerer = around; !c.offers(s, around, in, offers) {
			return in, own
		}
	}
	own = own || len(in) == 0 && c.graph.IsLeaf(s)
	take(func(r *usedRule[S]) bool {
		leads := func(to S) bool { return c.edge(s, to) != nil }
		return r.source.any && (r.kind == internal || r.kind == ignored || slices.ContainsFunc(r.to, leads))
	})
	return in, own
}

// offers reports whether an event is offered on if rules of a state around s, the last of in,
// refuse it. A FromAny rule does so only if all of them may refuse.
func (c *compiler[S]) offers(s, around graph.ID, in, offers []*usedRule[S]) bool {
	mayRefuse := !slices.ContainsFunc(in, func(r *usedRule[S]) bool { return c.certain(s, r.eventRule) })
	return slices.ContainsFunc(offers, func(r *usedRule[S]) bool {
		return r.source.any && mayRefuse || slices.Contains(r.source.states, c.states[around])
	})
}

// checkOffers reports OfferToParent rules without effect. offering has the states that offer
// the event.
func (c *compiler[S]) checkOffers(offers []*usedRule[S], offering map[graph.ID]bool) {
	named := make(map[S]bool)
	for _, r := range offers {
		if r.source.any && len(offering) == 0 {
			c.found.add("event %q is offered to the parent of no state: none has rules for it that may all refuse, and others after them", r.event.name)
		}
		for _, s := range r.source.states {
			id, known := c.ids[s]
			switch {
			case named[s]:
				c.found.add("event %q is offered to the parent of %q more than once", r.event.name, label(s))
			case known && !c.graph.IsHistory(id) && !offering[id]:
				c.found.add("event %q is offered to the parent of %q, which has no rule for it, or none follows", r.event.name, label(s))
			}
			named[s] = true
		}
	}
}

// certain reports whether a rule that holds in a state is taken whenever it is reached.
func (c *compiler[S]) certain(s graph.ID, r *eventRule[S]) bool {
	return len(r.guards) == 0 && !slices.ContainsFunc(r.to, func(to S) bool {
		edge := c.edge(s, to)
		return edge != nil && c.mayRefuse(s, edge)
	})
}

// handle compiles the rules for one event in one state. Mistakes in rules of another state
// are reported there.
func (c *compiler[S]) handle(s graph.ID, number uint16, rules []*usedRule[S], own bool) {
	state, e := label(c.states[s]), c.events[number-1]
	report := func(format string, args ...any) {
		if own {
			c.found.add(format, args...)
		}
	}
	h := handler[S]{event: e, number: number}
	var last *eventRule[S] // the rule after which no other is tried
	for _, rule := range rules {
		r := rule.eventRule
		switch {
		case last == nil:
		case last.kind == ignored || r.kind == ignored:
			report("event %q is ignored in %q, and has another rule there", e.name, state)
		case len(r.guards) == 0 && last.kind == r.kind && slices.Equal(last.to, r.to):
			report("event %q%s is given more than once for %q", e.name, r.targets(), state)
		default:
			report("event %q%s is never reached in %q: the rule before it has no guard", e.name, r.targets(), state)
		}
		cand := candidate[S]{kind: r.kind, among: r.to, choose: r.choose, guards: r.guards, acts: r.acts}
		for _, to := range r.to {
			edge := c.edge(s, to)
			if _, known := c.ids[to]; edge == nil && known && !r.source.any {
				report("event %q leads from %q to %q, which the table does not", e.name, state, label(to))
			}
			if edge != nil && r.kind == leads {
				cand.edge = edge
			}
		}
		if last == nil && c.certain(s, r) {
			last = r
		}
		h.candidates = append(h.candidates, cand)
	}
	c.handlers[s] = append(c.handlers[s], h)
	if h.candidates[0].kind != ignored {
		c.handled[s] = append(c.handled[s], e.name)
	}
}

// mayRefuse reports whether a guard of the edge or of a state that it enters could refuse.
// For a history state that is any state that it could stand for.
func (c *compiler[S]) mayRefuse(from graph.ID, e *graph.Edge[hook[S]]) bool {
	if len(e.Guards) > 0 {
		return true
	}
	for range c.graph.Guards(e, c.graph.Route(from, e, nil)) {
		return true
	}
	of := c.graph.Nodes[e.Target].History.Of
	for i := range c.graph.Nodes {
		if of != graph.None && c.graph.Within(graph.ID(i), of) && len(c.graph.Nodes[i].Guards) > 0 {
			return true
		}
	}
	return false
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
