package fsm

import (
	"context"
	"fmt"
	"slices"
)

// handler is what the rules say about one event in one state.
type handler[S comparable] struct {
	id         *event
	event      uint16 // its number, from 1, as entries have it
	candidates []candidate[S]
}

// candidate is one of the ways on which an event may go.
type candidate[S comparable] struct {
	kind   kind
	to     uint16 // of leads: the target of its edge
	at     int    // and the place of that among the edges of its state
	among  []S    // of chooses
	choose func(context.Context, Transition[S], argument) (S, error)
	guards []check[S]
	acts   []call[S]
}

// handler finds what is to be done about an event in a state; nil if nothing is
// said. Comparing a few pointers is cheaper than hashing one.
func (d *Definition[S]) handler(from uint16, e *event) *handler[S] {
	handlers := d.places[from].handlers
	for i := range handlers {
		if handlers[i].id == e {
			return &handlers[i]
		}
	}
	return nil
}

// uses reports whether any rule could look at an event's argument.
func (d *Definition[S]) uses(e *event) bool {
	return !d.bare && slices.Contains(d.curious, e)
}

// inspect reports what is wrong with a rule by itself.
func (b *binding[S]) inspect(found *problems) {
	switch {
	case b.event == nil:
		found.add("an event is empty: events come from NewEvent")
	case b.event.name == "":
		found.add("an event has no name")
	}
	if !b.from.any && len(b.from.states) == 0 {
		found.add("%v has no source", b)
	}
	if b.kind == chooses && b.choose == nil {
		found.add("%v: the choice has no function", b)
	}
	if b.kind == chooses && len(b.to) == 0 {
		found.add("%v: the choice has no targets", b)
	}
	b.inspectCode(found)
}

func (b *binding[S]) inspectCode(found *problems) {
	for i, g := range b.guards {
		switch {
		case g.name == "":
			found.add("%v: a guard has no name", b)
		case slices.ContainsFunc(b.guards[:i], func(o check[S]) bool { return o.name == g.name }):
			found.add("%v: guard %q is given more than once", b, g.name)
		}
		if g.ask == nil {
			found.add("%v: guard %q has no function", b, g.name)
		}
	}
	for _, act := range b.acts {
		if act == nil {
			found.add("%v: a Do has no function", b)
		}
	}
}

// handle compiles the rules for events, once all other rules are bound.
func (d *Definition[S]) handle(found *problems) {
	for i := range d.bindings {
		b := &d.bindings[i]
		d.meet(b, found)
		d.bare = d.bare && len(b.guards) == 0 && len(b.acts) == 0 && b.kind != chooses
	}
	if len(d.events) >= forced {
		found.add("%d events, more than %d", len(d.events), forced-1)
		return
	}
	for number, e := range d.events {
		explicit, wild := d.rulesFor(e)
		for from := range d.graph.states {
			rules, own := d.rulesIn(uint16(from), explicit, wild)
			said := found
			if !own { // what is wrong with them is said where they are given
				said = new(problems)
			}
			d.handleIn(uint16(from), handler[S]{id: e, event: uint16(number + 1)}, rules, said)
		}
	}
	for i := range d.bindings {
		if b := &d.bindings[i]; !b.used && (b.from.any || d.aboutParents(b)) {
			found.add("%v%s applies nowhere", b, b.targets())
		}
	}
}

// aboutParents reports whether a rule names states in which no machine can be.
func (d *Definition[S]) aboutParents(b *binding[S]) bool {
	return slices.ContainsFunc(b.from.states, func(s S) bool {
		i, known := d.graph.index[s]
		return known && d.graph.tree.composite(i)
	})
}

// meet takes notice of a rule's event, and reports states that are unknown.
func (d *Definition[S]) meet(b *binding[S], found *problems) {
	if !slices.Contains(d.events, b.event) {
		if slices.ContainsFunc(d.events, func(e *event) bool { return e.name == b.event.name }) {
			found.add("2 events are called %q", b.event.name)
		}
		d.events = append(d.events, b.event)
	}
	if len(b.guards)+len(b.acts) > 0 || b.kind == chooses {
		d.curious = append(d.curious, b.event)
	}
	for _, s := range slices.Concat(b.from.states, b.to) {
		if _, known := d.graph.index[s]; !known {
			found.add("%v names %q, which is not in the table", b, label(s))
		}
	}
	for i, s := range b.from.states {
		if at, known := d.graph.index[s]; known && d.isHistory(at) {
			found.add("%v names %q, which is a history state", b, label(s))
		}
		if slices.Contains(b.from.states[:i], s) {
			found.add("%v names %q more than once", b, label(s))
		}
	}
	for i, s := range b.to {
		if slices.Contains(b.to[:i], s) {
			found.add("%v may choose %q more than once", b, label(s))
		}
	}
}

func (d *Definition[S]) rulesFor(e *event) (explicit, wild []*binding[S]) {
	for i := range d.bindings {
		switch b := &d.bindings[i]; {
		case b.event != e:
		case b.from.any:
			wild = append(wild, b)
		default:
			explicit = append(explicit, b)
		}
	}
	return explicit, wild
}

// handleIn compiles what is said about one event in one state.
func (d *Definition[S]) handleIn(from uint16, h handler[S], rules []*binding[S], found *problems) {
	var last *binding[S] // the one after which none is asked
	for _, b := range rules {
		if last != nil {
			found.add("%s", d.overlap(from, last, b))
		}
		c, certain := d.candidate(from, b, found)
		h.candidates = append(h.candidates, c)
		if certain && last == nil {
			last = b
		}
	}
	if len(rules) == 0 {
		return
	}
	p := &d.places[from]
	p.handlers = append(p.handlers, h)
	if h.candidates[0].kind != ignores {
		p.handled = append(p.handled, h.id.name)
	}
}

// rulesIn returns the rules that hold in one state: those that name it, or, if there
// is none, those of the state around it, and so on; or, if no state has any, those for
// any state that could lead from there. It says whether they are the state's own.
func (d *Definition[S]) rulesIn(from uint16, explicit, wild []*binding[S]) (rules []*binding[S], own bool) {
	t := d.graph.tree
	if d.isHistory(from) {
		return nil, false
	}
	take := func(b *binding[S]) {
		rules = append(rules, b)
		b.used = b.used || t.leaf(from)
	}
	for s := range t.upward(from, none) {
		for _, b := range explicit {
			if slices.Contains(b.from.states, d.graph.states[s]) {
				take(b)
			}
		}
		if len(rules) > 0 {
			return rules, s == from
		}
	}
	for _, b := range wild {
		if d.applies(from, b) {
			take(b)
		}
	}
	return rules, t.leaf(from)
}

func (d *Definition[S]) isHistory(s uint16) bool {
	_, history := d.graph.tree.recalled(s)
	return history
}

// applies reports whether a rule for any state has something to say about one:
// whether it could lead from there.
func (d *Definition[S]) applies(from uint16, b *binding[S]) bool {
	if b.kind == stays || b.kind == ignores {
		return true
	}
	return slices.ContainsFunc(b.to, func(s S) bool {
		_, _, ok := d.graph.edge(from, s)
		return ok
	})
}

// overlap says why one of two rules can never be reached.
func (d *Definition[S]) overlap(from uint16, last, b *binding[S]) string {
	state := label(d.graph.states[from])
	switch {
	case last.kind == ignores || b.kind == ignores:
		return fmt.Sprintf("event %q is ignored in %q, and has another rule there", b.event.name, state)
	case len(b.guards) == 0 && last.kind == b.kind && slices.Equal(last.to, b.to):
		return fmt.Sprintf("event %q%s is given more than once for %q", b.event.name, b.targets(), state)
	}
	return fmt.Sprintf("event %q%s is never reached in %q: the rule before it has no guard", b.event.name, b.targets(), state)
}

func (b *binding[S]) targets() string {
	if len(b.to) == 0 {
		return ""
	}
	return " to " + names(b.to)
}

// candidate compiles a rule for one state. It is certain if no guard could let
// the next candidate have a turn.
func (d *Definition[S]) candidate(from uint16, b *binding[S], found *problems) (c candidate[S], certain bool) {
	c = candidate[S]{kind: b.kind, to: from, among: b.to, choose: b.choose, guards: b.guards, acts: b.acts}
	certain = len(b.guards) == 0
	for _, to := range b.to {
		at, target, ok := d.graph.edge(from, to)
		_, known := d.graph.index[to]
		switch {
		case !ok && known && !b.from.any:
			found.add("event %q leads from %q to %q, which the table does not", b.event.name, label(d.graph.states[from]), label(to))
		case ok && b.kind == leads:
			c.to, c.at = target, at
			certain = certain && d.certain(from, at)
		}
	}
	return c, certain
}

// edgeRules is what is said about an edge, by its place among those of from.
func (d *Definition[S]) edgeRules(from uint16, at int) *edge[S] {
	if edges := d.places[from].edges; edges != nil {
		return &edges[at]
	}
	return &d.unruled
}
