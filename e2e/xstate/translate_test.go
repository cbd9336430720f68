package xstate_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/leasehold-go/leasehold/fsm"
)

// machine is a chart and its steps, for run.mjs.
type machine struct {
	Machine *stateNode       `json:"machine"`
	Delays  map[string]delay `json:"delays"`
	Steps   []step           `json:"steps"`
}

// delay is the duration of a timeout: one second more if Bit is not 0 and the step's argument has
// that bit.
type delay struct {
	Seconds int `json:"seconds"`
	Bit     int `json:"bit"`
}

// The following types are configurations of XState, with the actions and guards of run.mjs.

type stateNode struct {
	ID      string                  `json:"id"`
	Type    string                  `json:"type,omitempty"`
	History string                  `json:"history,omitempty"`
	Initial string                  `json:"initial,omitempty"`
	States  map[string]*stateNode   `json:"states,omitempty"`
	Entry   []action                `json:"entry,omitempty"`
	Exit    []action                `json:"exit,omitempty"`
	On      map[string][]transition `json:"on,omitempty"`
	After   map[string][]transition `json:"after,omitempty"`
}

type transition struct {
	Target  string   `json:"target,omitempty"`
	Reenter bool     `json:"reenter,omitempty"`
	Guard   *guard   `json:"guard,omitempty"`
	Actions []action `json:"actions,omitempty"`
}

type guard struct {
	Type   string `json:"type"`
	Params params `json:"params"`
}

// params are the condition of a guard.
type params struct {
	Own    []int `json:"own,omitempty"`  // bits of the event's argument
	Step   []int `json:"step,omitempty"` // bits of the step's argument
	Chosen int   `json:"chosen"`         // the choice, unless Of is 0
	Of     int   `json:"of"`             // how many choices there are
}

type action struct {
	Type   string `json:"type"`
	Params any    `json:"params"`
}

func noted(line string) action { return action{"note", line} }

var refusal = transition{Actions: []action{noted("refused")}}

func name(s int) string { return "s" + strconv.Itoa(s) }

// transitionTo is the event of XState for the transitions of fsm to a state.
func transitionTo(s int) string { return "to " + name(s) }

// translate makes a machine of XState from the chart.
func (c *chart) translate(counts *counts) *machine {
	around := c.up(c.initial, root)
	m := &machine{Machine: &stateNode{ID: "root", Initial: name(around[len(around)-1])}, Delays: make(map[string]delay)}
	nodes := map[int]*stateNode{root: m.Machine}
	for s, n := range c.nodes {
		x := &stateNode{ID: name(s), History: n.history}
		if nodes[s] = x; n.history != "" {
			x.Type = "history"
			continue
		}
		if len(n.children) > 0 {
			x.Initial = name(n.children[0])
		}
		if c.ended(s) {
			x.Type = "final"
		}
		x.Entry, x.Exit = c.hook("enter "+name(s), n.raisesOnEntry), c.hook("exit "+name(s), n.raisesOnExit)
	}
	for s, n := range c.nodes {
		around := nodes[n.parent]
		if around.States == nil {
			around.States = make(map[string]*stateNode)
		}
		around.States[name(s)] = nodes[s]
	}
	for s, x := range nodes {
		if x.Type != "" { // final and history states have no transitions
			continue
		}
		x.On = make(map[string][]transition)
		for i := range c.edges {
			if e := &c.edges[i]; e.from == s {
				x.On[transitionTo(e.to)] = []transition{c.transition(s, e, counts), refusal}
			}
		}
		for _, e := range c.inherited {
			if e.from == s {
				x.On[transitionTo(e.to)] = []transition{c.transition(s, c.edge(s, e.to), counts), refusal}
				counts.translated[ofChild]++
			}
		}
		for _, event := range events {
			if on := c.on(s, event, counts); len(on) > 0 {
				x.On[event] = on
			}
		}
	}
	for i, t := range c.timeouts {
		x, key := nodes[t.state], fmt.Sprintf("t%02d", i) // in this order
		if x.After == nil {
			x.After = make(map[string][]transition)
		}
		refused := transition{Actions: []action{noted("timeout refused")}}
		x.After[key] = []transition{c.transition(t.state, c.edge(t.state, t.to), counts), refused}
		m.Delays[key] = delay{t.seconds, t.bit}
		for _, o := range c.timeouts[:i] {
			if o.state == t.state && o.seconds == t.seconds {
				counts.translated[equalTimeouts]++
			}
		}
	}
	return m
}

// hook returns the actions for a hook that writes a line and fires an event, if there is one.
func (c *chart) hook(line string, event raised) []action {
	switch {
	case c.bare:
		return nil
	case event.Event == "":
		return []action{noted(line)}
	}
	return []action{noted(line), {"raise", event}}
}

// transition returns the transition of a state along an edge.
func (c *chart) transition(source int, e *edge, counts *counts) transition {
	t := transition{Target: "#" + name(e.to), Reenter: e.kind == fsm.EdgeExternal || e.kind == fsm.EdgeReenter}
	switch {
	case e.kind == fsm.EdgeSelf && !c.isLeaf(e.from):
		t.Target = ""
		counts.translated[selfOfParent]++
	case t.Reenter && c.within(e.to, e.from):
		counts.translated[intoSource]++
	}
	var guards []int
	for _, s := range c.up(source, root) { // those of children come first
		for _, each := range slices.Concat(c.inherited, c.edges) {
			if each.from == s && each.to == e.to {
				guards = append(guards, each.guards...)
				t.Actions = append(t.Actions, c.hook(edgeName(each), raised{})...)
			}
		}
	}
	for _, s := range c.entered(e) {
		guards = append(guards, c.nodes[s].guards...)
	}
	t.Guard = &guard{"passes", params{Step: guards}}
	return t
}

// entered returns the states that a transition along an edge enters, as far as they may have guards.
func (c *chart) entered(e *edge) (states []int) {
	if e.kind == fsm.EdgeSelf {
		return []int{e.to}
	}
	domain := e.from
	if e.kind != fsm.EdgeLocal {
		for domain = c.nodes[e.from].parent; domain != root && (domain == e.to || !c.within(e.to, domain)); {
			domain = c.nodes[domain].parent
		}
	}
	s := e.to
	if c.nodes[s].history == "" {
		for !c.isLeaf(s) {
			s = c.nodes[s].children[0]
		}
	} else {
		s = c.nodes[s].parent
	}
	if domain != root && !c.within(s, domain) {
		return nil
	}
	return c.up(s, domain)
}

// on returns the transitions of a state for an event.
func (c *chart) on(s int, event string, counts *counts) (on []transition) {
	placed, closed := c.placed(s, event)
	if len(placed) == 0 {
		return nil
	}
	for _, p := range placed {
		r := c.rules[p.rule]
		if len(r.from) == 0 {
			counts.translated[fromAny]++
		}
		do := c.hook(fmt.Sprint("do ", p.rule), r.raises)
		own := params{Own: r.guards}
		switch r.kind {
		case "internal":
			on = append(on, transition{Guard: &guard{"passes", own}, Actions: do})
		case "ignore":
			on = append(on, transition{})
		case "choose":
			counts.translated[choose]++
			own.Of = len(r.to) + 1
		}
		for i, to := range r.to {
			t := c.transition(s, c.edge(s, to), counts)
			own.Chosen, own.Step = i, t.Guard.Params.Step
			t.Guard.Params, t.Actions = own, append(t.Actions, do...)
			on = append(on, t)
		}
		if r.kind == "choose" { // the choice fails
			own.Chosen, own.Step = len(r.to), nil
			on = append(on, transition{Guard: &guard{"passes", own}, Actions: refusal.Actions})
		}
	}
	if closed || s == root || len(c.placedAround(c.nodes[s].parent, event)) == 0 {
		if closed && s != root && len(c.placedAround(c.nodes[s].parent, event)) > 0 {
			counts.translated[staysInChild]++
		}
		on = append(on, refusal)
	}
	return on
}

// The reasons why XState cannot express a piece of a chart: see the package comment.
var (
	errChild       = errors.New("an edge with guards or hooks of a child")
	errSource      = errors.New("an edge into the state around the source that declares it")
	errOrder       = errors.New("a rule of a state around comes first")
	errEntersAgain = errors.New("a deep history state of a state around the source")
)

// expressible returns an error unless a transition of XState from a state does the same as one of fsm
// along the edge that the state or one around it declares.
func (c *chart) expressible(from, to int) error {
	for _, each := range c.inherited {
		if each.to == to && each.from != from && c.within(each.from, from) {
			return errChild
		}
	}
	e, of := c.edge(from, to), c.nodes[to].parent
	into := c.within(to, e.from) && to != e.from
	if c.nodes[to].history != "" { // the remembered state lies within of
		into = c.within(of, e.from) || c.within(e.from, of)
	}
	if into && e.from != from {
		return errSource
	}
	return nil
}

// entersAgain reports whether XState could enter a state that it has not left, along an edge to a
// deep history state.
func (c *chart) entersAgain(from, to int) bool {
	of := c.nodes[to].parent
	return c.nodes[to].history == "deep" && slices.Index(c.up(from, root), of) > 1
}

// candidate is a rule for an event, and the state that has it as a transition in XState.
type candidate struct{ at, rule int }

// candidates returns the rules for an event in a leaf in the order of fsm, as the comments of
// FromAny, Substates and OfferToParent have it.
func (c *chart) candidates(leaf int, event string) (in []candidate) {
	for _, s := range c.up(leaf, root) {
		named := c.named(s, event)
		in = append(in, named...)
		if len(named) > 0 && !c.offers(s, event) {
			return in
		}
	}
	for i, r := range c.rules {
		switch {
		case r.event != event || len(r.from) > 0 || r.kind == "offer":
		case len(r.to) == 0:
			in = append(in, candidate{root, i})
		case c.edge(leaf, r.to[0]) != nil:
			in = append(in, candidate{c.edge(leaf, r.to[0]).from, i})
		}
	}
	return in
}

// named returns the rules for an event that name a state.
func (c *chart) named(s int, event string) (in []candidate) {
	for i, r := range c.rules {
		if r.event == event && r.kind != "offer" && slices.Contains(r.from, s) {
			in = append(in, candidate{s, i})
		}
	}
	return in
}

// offers reports whether a state offers an event that it refuses to the state around.
func (c *chart) offers(s int, event string) bool {
	return slices.ContainsFunc(c.rules, func(r rule) bool {
		return r.kind == "offer" && r.event == event && (len(r.from) == 0 || slices.Contains(r.from, s))
	})
}

// placed returns the rules of a state in XState: those that name it, then the FromAny rules for
// edges that it declares, unless a rule names a state around it. closed reports that the state
// does not offer a refused event to the state around.
func (c *chart) placed(s int, event string) (in []candidate, closed bool) {
	in = c.named(s, event)
	if len(in) > 0 && !c.offers(s, event) {
		return in, true
	}
	if s != root {
		for _, around := range c.up(c.nodes[s].parent, root) {
			if len(c.named(around, event)) > 0 {
				return in, false
			}
		}
	}
	for i, r := range c.rules {
		if r.event != event || len(r.from) > 0 || r.kind == "offer" {
			continue
		}
		declares := func(e edge) bool { return e.from == s && slices.Contains(r.to, e.to) }
		if len(r.to) == 0 && s == root || slices.ContainsFunc(c.edges, declares) {
			in = append(in, candidate{s, i})
		}
	}
	return in, false
}

// placedAround returns the rules for an event in a state in the order of XState.
func (c *chart) placedAround(s int, event string) (in []candidate) {
	for _, around := range append(c.up(s, root), root) {
		placed, closed := c.placed(around, event)
		if in = append(in, placed...); closed {
			break
		}
	}
	return in
}
