package xstate_test

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// chart is a random state machine. definition and translate make one of fsm and one of XState
// from it. Its states are the indices of nodes.
type chart struct {
	nodes     []node
	initial   int
	edges     []edge
	inherited []edge // guards and hooks of inherited edges, for the state from and the states within it
	rules     []rule
	timeouts  []timeout
	cycles    []int // the states of TimeoutCycle rules
	final     bool  // with a Final rule
	bare      bool  // without hooks
}

// root is the parent of the outermost states.
const root = -1

type node struct {
	parent   int
	children []int // without history states
	history  string
	guards   []int // bits

	raisesOnEntry, raisesOnExit raised
}

// edge is an edge of the table, or a Self or Reenter rule.
type edge struct {
	from, to int
	kind     fsm.EdgeKind
	guards   []int // bits
}

type rule struct {
	kind   string // on, choose, internal, ignore or offer
	event  string
	from   []int // empty for FromAny
	to     []int
	guards []int  // bits
	raises raised // on and choose and internal have a hook for it
}

type timeout struct {
	state, to, seconds int
	bit                int // of a TimeoutFunc: one second more if the bit is set
}

// raised is an event that a hook fires. Without a name there is none.
type raised struct {
	Event string `json:"type"`
	Arg   uint   `json:"arg"`
}

// step is a call of both machines.
type step struct {
	Start   bool   `json:"start,omitempty"`   // of a new machine
	Seconds int    `json:"seconds,omitempty"` // that pass
	Event   string `json:"event,omitempty"`   // otherwise
	Arg     uint   `json:"arg"`

	to int // the target, if the event is of a transition
}

// Each guard reads one bit of the argument. The bits never and always are the same in every
// argument, except at the start, which passes all guards.
const (
	bits   = 8
	never  = 6
	always = 7

	all = 1<<bits - 1

	budget = 3 // of events that hooks fire in one step; run.mjs has the same
)

var events = []string{"e0", "e1", "e2", "e3"} // the last has no rules

// draw returns a number from 0 to n-1. (The generators of rapid for numbers prefer small ones.)
func draw(rt *rapid.T, n int, label string) int {
	return rapid.SampledFrom(numbers[:n]).Draw(rt, label)
}

var numbers = func() (all [64]int) {
	for i := range all {
		all[i] = i
	}
	return all
}()

// chance is true once in n times.
func chance(rt *rapid.T, n int, label string) bool { return draw(rt, n, label) == n-1 }

func drawArg(rt *rapid.T) uint {
	return uint(draw(rt, 1<<never, "arg") | 1<<always | draw(rt, 16, "choice")<<bits)
}

func drawGuards(rt *rapid.T) (guards []int) {
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2}).Draw(rt, "guards") {
		guards = append(guards, rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, never, always}).Draw(rt, "bit"))
	}
	slices.Sort(guards)
	return slices.Compact(guards)
}

// drawChart draws a chart, one piece after the other. It leaves out and counts each piece that
// Define refuses or XState cannot express.
func drawChart(rt *rapid.T, counts *counts) *chart {
	c := &chart{bare: chance(rt, 8, "bare")}
	c.drawNodes(rt)
	c.drawEdges(rt, counts)
	if _, err := c.definition(new(recorder)); err != nil {
		rt.Fatalf("the table is not valid: %v", err)
	}
	for range draw(rt, 4, "inherited edges") {
		c.drawInherited(rt)
	}
	for range draw(rt, 5, "timeouts") {
		c.drawTimeout(rt, counts)
	}
	for range 3 + draw(rt, 16, "rules") {
		c.drawRule(rt, counts)
	}
	for range draw(rt, 4, "offers") {
		c.drawOffer(rt, counts)
	}
	if sinks := slices.ContainsFunc(c.states(), c.isFinal); sinks && chance(rt, 2, "final") {
		c.final = true
		_, failed := c.definition(new(recorder))
		c.final = failed == nil
		counts.add("final", failed)
	}
	if !c.final && !c.bare {
		c.drawRaises(rt)
	}
	return c
}

func (c *chart) drawNodes(rt *rapid.T) {
	for i := range 3 + draw(rt, 12, "states") {
		parent := root
		if i > 1 && !chance(rt, 4, "outermost") {
			parent = draw(rt, i, "parent")
		}
		c.nodes = append(c.nodes, node{parent: parent})
		if parent != root {
			c.nodes[parent].children = append(c.nodes[parent].children, i)
		}
	}
	// In XState, the initial state is entered with an outermost one.
	entered := slices.DeleteFunc(c.states(), func(s int) bool {
		return slices.ContainsFunc(c.up(s, root), func(s int) bool {
			parent := c.nodes[s].parent
			return parent != root && c.nodes[parent].children[0] != s
		})
	})
	c.initial = rapid.SampledFrom(entered).Draw(rt, "initial")
	for _, s := range c.states() {
		if len(c.nodes[s].children) > 0 {
			for _, kind := range []string{"shallow", "deep"} {
				if chance(rt, 3, kind) {
					c.nodes = append(c.nodes, node{parent: s, history: kind})
				}
			}
		}
	}
	for _, s := range c.states() {
		if !c.hasHistory(c.nodes[s].parent) && chance(rt, 4, "state guard") {
			c.nodes[s].guards = []int{draw(rt, never, "bit")}
		}
	}
}

// drawEdges first draws an edge to each state, so that all can be reached, then more.
func (c *chart) drawEdges(rt *rapid.T, counts *counts) {
	add := func(from, to int) {
		if c.nodes[from].history != "" || from == to || c.lists(from, to) {
			return
		}
		if c.entersAgain(from, to) {
			counts.add("edge", errEntersAgain)
			return
		}
		e := edge{from: from, to: to, guards: drawGuards(rt)}
		if c.within(to, from) && chance(rt, 2, "local") {
			e.kind = fsm.EdgeLocal
		}
		c.edges = append(c.edges, e)
	}
	reached := c.up(c.initial, root)
	for _, s := range rapid.Permutation(numbers[:len(c.nodes)]).Draw(rt, "order") {
		if slices.Contains(reached, s) {
			continue
		}
		from := slices.DeleteFunc(slices.Clone(reached), func(from int) bool { return c.entersAgain(from, s) })
		add(rapid.SampledFrom(from).Draw(rt, "from"), s)
		if c.nodes[s].history == "" {
			reached = append(reached, s)
		}
	}
	for range draw(rt, 20, "edges") {
		add(draw(rt, len(c.nodes), "from"), draw(rt, len(c.nodes), "to"))
	}
	for s, n := range c.nodes {
		if n.history != "" {
			add(rapid.SampledFrom(c.statesWithin(n.parent)).Draw(rt, "from within"), s)
			add(rapid.SampledFrom(c.states()).Draw(rt, "from"), s)
		}
	}
	for _, s := range c.states() {
		if c.isFinal(s) && !chance(rt, 5, "sink") {
			add(s, draw(rt, len(c.nodes), "to"))
		}
	}
	for range draw(rt, 4, "edges to itself") {
		s := rapid.SampledFrom(c.states()).Draw(rt, "itself")
		if !c.lists(s, s) {
			kind := rapid.SampledFrom([]fsm.EdgeKind{fsm.EdgeSelf, fsm.EdgeReenter}).Draw(rt, "kind")
			c.edges = append(c.edges, edge{from: s, to: s, kind: kind, guards: drawGuards(rt)})
		}
	}
}

// drawInherited draws a guard and a hook for an edge that a state inherits.
func (c *chart) drawInherited(rt *rapid.T) {
	e := rapid.SampledFrom(c.edges).Draw(rt, "inherited")
	s := rapid.SampledFrom(c.statesWithin(e.from)).Draw(rt, "child")
	twice := slices.ContainsFunc(c.inherited, func(x edge) bool { return x.from == s && x.to == e.to })
	if s != e.from && !twice && c.expressible(s, e.to) == nil {
		c.inherited = append(c.inherited, edge{from: s, to: e.to, guards: drawGuards(rt)})
	}
}

func (c *chart) drawTimeout(rt *rapid.T, counts *counts) {
	e := rapid.SampledFrom(c.edges).Draw(rt, "timeout along")
	t := timeout{state: e.from, to: e.to, seconds: 1 + draw(rt, 4, "seconds")}
	if within := c.statesWithin(e.from); chance(rt, 3, "within") {
		t.state = rapid.SampledFrom(within).Draw(rt, "state")
	}
	if chance(rt, 4, "variable") {
		t.bit = 1 + draw(rt, 5, "bit")
	}
	c.timeouts = append(c.timeouts, t)
	kind, cycles := "timeout", c.cycles
	_, failed := c.definition(new(recorder))
	if failed != nil {
		around := c.up(t.state, root)
		kind, c.cycles = "timeout in a circle", append(slices.Clone(cycles), around[len(around)-1])
		_, failed = c.definition(new(recorder))
	}
	if failed == nil {
		failed = c.expressible(t.state, t.to)
	}
	if failed != nil {
		c.timeouts, c.cycles = c.timeouts[:len(c.timeouts)-1], cycles
	}
	counts.add(kind, failed)
}

func (c *chart) drawRule(rt *rapid.T, counts *counts) {
	e := rapid.SampledFrom(c.edges).Draw(rt, "along")
	r := rule{
		kind:   rapid.SampledFrom([]string{"on", "on", "on", "on", "choose", "internal", "ignore"}).Draw(rt, "kind"),
		event:  rapid.SampledFrom(events[:3]).Draw(rt, "event"),
		from:   []int{e.from},
		guards: drawGuards(rt),
	}
	switch r.kind {
	case "on":
		r.to = []int{e.to}
	case "choose":
		for _, o := range c.edges {
			if o.from == e.from {
				r.to = append(r.to, o.to)
			}
		}
	case "ignore":
		r.guards = nil
	}
	switch within := c.statesWithin(e.from); {
	case r.kind != "choose" && chance(rt, 4, "any"):
		r.from = nil
	case chance(rt, 3, "within"):
		r.from = rapid.SliceOfNDistinct(rapid.SampledFrom(within), 1, 1+draw(rt, min(2, len(within)), "sources"), rapid.ID[int]).Draw(rt, "from")
	}
	c.addRule(r, counts)
}

// drawOffer draws guarded rules for an event in a state and in all states around it, and an
// OfferToParent rule.
func (c *chart) drawOffer(rt *rapid.T, counts *counts) {
	event, s := rapid.SampledFrom(events[:3]).Draw(rt, "event"), rapid.SampledFrom(c.states()).Draw(rt, "offers")
	for _, s := range c.up(s, root) {
		r := rule{kind: "internal", event: event, from: []int{s}, guards: []int{draw(rt, bits, "bit")}}
		for _, e := range c.edges {
			if e.from == s && chance(rt, 2, "along") {
				r.kind, r.to = "on", []int{e.to}
				break
			}
		}
		c.addRule(r, counts)
	}
	offer := rule{kind: "offer", event: event, from: []int{s}}
	if chance(rt, 4, "any") {
		offer.from = nil
	}
	c.addRule(offer, counts)
}

// addRule adds a rule, unless Define refuses it or XState cannot express it.
func (c *chart) addRule(r rule, counts *counts) {
	c.rules = append(c.rules, r)
	_, failed := c.definition(new(recorder))
	for _, to := range r.to {
		from := r.from
		for _, e := range c.edges {
			if len(r.from) == 0 && e.to == to {
				from = append(from, e.from)
			}
		}
		for _, s := range from {
			if failed == nil {
				failed = c.expressible(s, to)
			}
		}
	}
	for _, s := range c.states() {
		if failed == nil && c.isLeaf(s) && !slices.Equal(c.candidates(s, r.event), c.placedAround(s, r.event)) {
			failed = errOrder
		}
	}
	if failed != nil {
		c.rules = c.rules[:len(c.rules)-1]
	}
	kind := r.kind
	if len(r.from) == 0 {
		kind += " from any"
	}
	counts.add(kind, failed)
}

// drawRaises draws events that hooks fire.
func (c *chart) drawRaises(rt *rapid.T) {
	raise := func(in int) raised {
		if !chance(rt, in, "raises") {
			return raised{}
		}
		return raised{rapid.SampledFrom(events).Draw(rt, "raised"), drawArg(rt)}
	}
	for _, s := range c.states() {
		c.nodes[s].raisesOnEntry, c.nodes[s].raisesOnExit = raise(8), raise(8)
	}
	for i := range c.rules {
		c.rules[i].raises = raise(6)
	}
}

// plan is a step before the state is known. pick chooses the event or the target then.
type plan struct {
	kind    string // start, sleep, fire or transition
	arg     uint
	pick    int
	likely  bool // choose among the events and targets that the state has a rule or an edge for
	restore bool // fsm restores its machine before the step
}

func drawPlans(rt *rapid.T) []plan {
	plans := make([]plan, steps)
	for i := range plans {
		kind := rapid.SampledFrom([]string{"fire", "fire", "fire", "fire", "transition", "transition", "sleep", "sleep"}).Draw(rt, "kind")
		plans[i] = plan{kind, drawArg(rt), draw(rt, 60, "pick"), !chance(rt, 4, "unlikely"), chance(rt, 8, "restore")}
		if i == 0 || chance(rt, 30, "start") {
			plans[i].kind = "start"
		}
	}
	return plans
}

// step returns the step of a plan in a state.
func (p plan) step(c *chart, s int) step {
	if p.kind == "start" || c.ended(s) {
		return step{Start: true, Arg: all}
	}
	if p.kind == "sleep" {
		return step{Seconds: 1 + p.pick%6, Arg: p.arg}
	}
	if p.kind == "fire" {
		likely := slices.DeleteFunc(slices.Clone(events), func(e string) bool { return p.likely && len(c.candidates(s, e)) == 0 })
		if len(likely) == 0 {
			likely = events
		}
		return step{Event: likely[p.pick%len(likely)], Arg: p.arg}
	}
	to := p.pick % len(c.nodes)
	for p.likely && c.edge(s, to) == nil && !c.isFinal(s) {
		to = (to + 1) % len(c.nodes)
	}
	return step{Event: transitionTo(to), to: to, Arg: p.arg}
}

// states returns the states without the history states.
func (c *chart) states() (states []int) {
	for s, n := range c.nodes {
		if n.history == "" {
			states = append(states, s)
		}
	}
	return states
}

func (c *chart) isLeaf(s int) bool { return c.nodes[s].history == "" && len(c.nodes[s].children) == 0 }

// up returns a state and those around it, innermost first, below the state end.
func (c *chart) up(s, end int) (around []int) {
	for ; s != root && s != end; s = c.nodes[s].parent {
		around = append(around, s)
	}
	return around
}

// within reports whether s is around or lies within it.
func (c *chart) within(s, around int) bool { return slices.Contains(c.up(s, root), around) }

// statesWithin returns a state and those within it.
func (c *chart) statesWithin(around int) []int {
	return slices.DeleteFunc(c.states(), func(s int) bool { return !c.within(s, around) })
}

// hasHistory reports whether a state or one around it has a history state.
func (c *chart) hasHistory(s int) bool {
	return slices.ContainsFunc(c.nodes, func(h node) bool { return h.history != "" && c.within(s, h.parent) })
}

// lists reports whether a state, one around it or one within it has an edge to another.
func (c *chart) lists(from, to int) bool {
	return slices.ContainsFunc(c.edges, func(e edge) bool {
		return e.to == to && (c.within(e.from, from) || c.within(from, e.from))
	})
}

// edge returns the edge from a state that the state or one around it declares.
func (c *chart) edge(from, to int) *edge {
	for i, e := range c.edges {
		if e.to == to && c.within(from, e.from) {
			return &c.edges[i]
		}
	}
	return nil
}

// ended reports whether XState ends its machine in a state.
func (c *chart) ended(s int) bool { return c.final && c.isFinal(s) && c.nodes[s].parent == root }

// isFinal reports whether a state is a leaf without edges.
func (c *chart) isFinal(s int) bool {
	return c.isLeaf(s) && !slices.ContainsFunc(c.edges, func(e edge) bool { return c.within(s, e.from) })
}
