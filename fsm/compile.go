package fsm

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// compiler makes a definition. It goes on after a mistake, to report all of them.
type compiler[S comparable] struct {
	*Definition[S]
	rooted   bool       // the initial state is in the table
	listed   []graph.ID // see Table.order
	guards   map[namedGuard[S]]bool
	into     [][]graph.ID    // see sources
	named    [][]graph.ID    // by number of an event: the states that rules for it name, and that do not offer it to their parents
	offering [][]*handler[S] // by number of an event: the handlers that offer it, the outermost first
	refined  bool            // states have guards or hooks for edges that they inherit
	leaves   []int           // by place in the order: how many leaves are before it
	found    problems
}

// namedGuard is a name among the guards of one state or edge.
type namedGuard[S comparable] struct {
	of   *[]graph.Guard[hook[S]]
	name string
}

// compile makes a definition, from top to bottom: states, hierarchy, edges, code,
// timeouts, events, checks.
func compile[S comparable](initial S, table Table[S], rules []Rule[S]) (*Definition[S], error) {
	c := compiler[S]{Definition: &Definition[S]{rules: rules}}
	if _, c.rooted = table[initial]; !c.rooted {
		c.found.add("initial state %q is not in the table", label(initial))
	}
	if len(table) > graph.Max {
		c.found.add("%d states, more than %d", len(table), graph.Max)
	}
	c.numberStates(initial, table)
	if len(c.states) <= graph.Max {
		c.checkLabels()
		c.graph = graph.New[hook[S]](len(c.states))
		c.nest()
		c.connect()
		c.fingerprint = sync.OnceValue(c.computeFingerprint)
		c.attachCode()
		c.attachTimeouts()
		c.graph.Seal()
		c.handleEvents()
		c.checkReach()
		c.checkFinal()
		c.checkTimeouts()
		c.findCode()
	}
	if len(c.found) > 0 {
		slices.Sort(c.found) // tables are maps: the order of discovery is not stable
		return nil, &DefinitionError{Problems: slices.Compact(c.found)}
	}
	return c.Definition, nil
}

// numberStates gives every state an ID, also one that cannot be reached, so that rules
// about it raise no second complaint.
func (c *compiler[S]) numberStates(initial S, table Table[S]) {
	children := make(map[S][]S)
	for _, r := range c.rules {
		if sub, ok := r.spec.(substatesRule[S]); ok {
			children[sub.parent] = append(children[sub.parent], sub.children...)
		}
	}
	c.ordered, c.listed = table.order(initial, children)
}

// nest builds the hierarchy. A relation that cannot be is reported and left out, so that
// the rest is a tree.
func (c *compiler[S]) nest() {
	for _, r := range c.rules {
		rule, ok := r.spec.(substatesRule[S])
		if !ok {
			continue
		}
		if len(rule.children) == 0 {
			c.found.add("nothing is said to be within %q", label(rule.parent))
		}
		parent, known := c.id("the substates rule", rule.parent)
		if known && c.graph.IsComposite(parent) {
			c.found.add("there is more than one substates rule for %q", label(rule.parent))
		}
		for _, child := range rule.children {
			id, also := c.id("the substates rule", child)
			switch {
			case !known || !also:
			case c.graph.Circular(parent, id):
				c.found.add("%q is within %q, which is within it", label(child), label(rule.parent))
			case c.graph.Nodes[id].Parent == parent:
				c.found.add("%q is said to be within %q more than once", label(child), label(rule.parent))
			case c.graph.Nodes[id].Parent != graph.None:
				c.found.add("%q is within both %q and %q", label(child), label(c.states[c.graph.Nodes[id].Parent]), label(rule.parent))
			default:
				c.graph.Nest(parent, id)
			}
		}
	}
	remembers := make(map[S]bool)
	for _, r := range c.rules {
		if rule, ok := r.spec.(historyRule[S]); ok {
			if remembers[rule.state] {
				c.found.add("there is more than one history rule for %q", label(rule.state))
			}
			remembers[rule.state] = true
			c.remember(rule)
		}
	}
	c.graph.Arrange()
	c.start = c.graph.InitialLeaf(0)
}

// remember adds a history state.
func (c *compiler[S]) remember(rule historyRule[S]) {
	id, known := c.id("the history rule", rule.state)
	of, also := c.id("the history rule", rule.of)
	if !known || !also {
		return
	}
	s, before := label(rule.state), len(c.found)
	if !c.graph.IsComposite(of) {
		c.found.add("history state %q is of %q, which has nothing within it", s, label(rule.of))
	}
	if c.graph.Nodes[id].Parent != graph.None || c.graph.IsComposite(id) {
		c.found.add("history state %q cannot lie within another, nor another within it", s)
	}
	inTable := func(to S) bool { _, ok := c.ids[to]; return ok }
	if targets := c.lists[id]; slices.ContainsFunc(targets, inTable) {
		c.found.add("history state %q leads to %s, but stands for another state", s, names(targets))
	}
	if id == 0 {
		c.found.add("history state %q cannot be the initial one", s)
	}
	if len(c.found) == before {
		c.graph.Remember(id, graph.History{Of: of, Deep: rule.deep})
	}
}

// connect adds the edges of the table, then the edges from states to themselves, and then
// makes room for the code that states have for inherited edges.
func (c *compiler[S]) connect() {
	last := make([]int, len(c.states))                  // by target: the last state that listed it, from 1
	edges := make([]graph.Edge[hook[S]], len(c.listed)) // room for all
	next := c.listed
	for from, list := range c.lists {
		c.graph.Nodes[from].Edges, edges = edges[:0:len(list)], edges[len(list):]
		for i, to := range list {
			target := next[i]
			known := target != graph.None
			switch {
			case int(target) == from:
				c.found.add("%q leads to itself", label(to))
			case !known || target == 0 && !c.rooted:
				c.found.add("%q leads to %q, which is not in the table", label(c.states[from]), label(to))
			case last[target] == from+1:
				c.found.add("%q leads to %q more than once", label(c.states[from]), label(to))
			}
			if known && last[target] != from+1 {
				last[target] = from + 1
				c.graph.Connect(graph.ID(from), target, graph.External)
			}
		}
		next = next[len(list):]
	}
	kinds := make(map[graph.ID]graph.Kind)
	for _, r := range c.rules {
		rule, ok := r.spec.(selfRule[S])
		if !ok {
			continue
		}
		name := map[graph.Kind]string{graph.Self: "self", graph.Reenter: "reenter"}[rule.kind]
		id, known := c.place("the "+name+" rule", rule.state)
		switch kind, given := kinds[id]; {
		case !known:
		case !given:
			kinds[id] = rule.kind
			if !slices.Contains(c.lists[id], rule.state) { // that is reported already
				c.graph.Connect(id, id, rule.kind)
			}
		case kind == rule.kind:
			c.found.add("the %s rule for %q is given more than once", name, label(rule.state))
		default:
			c.found.add("%q has both a self and a reenter rule", label(rule.state))
		}
	}
	c.connectLocally()
	for _, twice := range c.graph.Link() {
		c.found.add("%q leads to %q, and so does %q around it", label(c.states[twice.State]), label(c.states[twice.Target]), label(c.states[twice.Outer]))
	}
	if c.graph.Nested {
		c.inherit()
	}
	c.targets = slices.Clone(c.lists)
	for from := range c.graph.Nodes {
		if edges := c.graph.Nodes[from].Edges; len(edges) != len(c.lists[from]) { // with edges of rules
			c.targets[from] = make([]S, len(edges)) // errors share it: an append must copy
			for i, e := range edges {
				c.targets[from][i] = c.states[e.Target]
			}
		}
	}
}

// inherit gives states the edges that rules name with them, and that a state around declares.
func (c *compiler[S]) inherit() {
	inherited := make(map[[2]graph.ID]*graph.Edge[hook[S]])
	for _, r := range c.rules {
		var from, to S
		switch rule := r.spec.(type) {
		case guardRule[S]:
			from, to = rule.from, rule.to
			if !rule.ofEdge {
				continue
			}
		case hookRule[S]:
			from, to = rule.from, rule.to
			if rule.phase != PhaseEdge {
				continue
			}
		default:
			continue
		}
		s, known := c.ids[from]
		target, also := c.ids[to]
		if !known || !also || c.graph.IsHistory(s) || inherited[[2]graph.ID{s, target}] != nil {
			continue
		}
		if e := c.graph.Edge(s, target); e != nil && e.Declared != s {
			inherited[[2]graph.ID{s, target}] = e
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(inherited), func(a, b [2]graph.ID) int { return slices.Compare(a[:], b[:]) }) {
		c.graph.Inherit(at[0], inherited[at])
	}
	if c.refined = len(inherited) > 0; c.refined {
		c.graph.Link()
	}
}

// connectLocally makes the edges of Local rules local.
func (c *compiler[S]) connectLocally() {
	for _, r := range c.rules {
		rule, ok := r.spec.(localRule[S])
		if !ok {
			continue
		}
		from, known := c.place("the local rule", rule.from)
		to, also := c.id("the local rule", rule.to)
		if !known || !also {
			continue
		}
		within := to
		if c.graph.IsHistory(to) {
			within = c.graph.Nodes[to].History.Of
		}
		edges := c.graph.Nodes[from].Edges
		i := slices.IndexFunc(edges, func(e graph.Edge[hook[S]]) bool { return e.Target == to })
		switch {
		case from == to || !c.graph.Within(within, from):
			c.found.add("the local rule is for %q -> %q, which does not lie within %q", label(rule.from), label(rule.to), label(rule.from))
		case i < 0:
			c.found.add("the local rule is for %q -> %q, which %q does not list in the table", label(rule.from), label(rule.to), label(rule.from))
		case edges[i].Kind == graph.Local:
			c.found.add("the local rule for %q -> %q is given more than once", label(rule.from), label(rule.to))
		default:
			edges[i].Kind = graph.Local
		}
	}
}

// attachCode puts guards and hooks on states and edges, and the rest of the rules' code on
// the definition.
func (c *compiler[S]) attachCode() {
	for _, r := range c.rules {
		switch rule := r.spec.(type) {
		case nil:
			c.found.add("a rule is empty")
		case guardRule[S]:
			c.attachGuard(rule)
		case hookRule[S]:
			c.attachHook(rule)
		case finallyRule[S]:
			if rule.run == nil {
				c.found.add("finally hook has no function")
			}
			c.finally = append(c.finally, rule.run)
		case unhandledRule[S]:
			switch {
			case rule.run == nil:
				c.found.add("unhandled hook has no function")
			case c.unhandled != nil:
				c.found.add("there is more than one unhandled hook")
			}
			c.unhandled = rule.run
		case encodeRule[S]:
			switch {
			case rule.encode == nil:
				c.found.add("the encode rule has no function")
			case c.encode != nil:
				c.found.add("there is more than one encode rule")
			}
			c.encode = rule.encode
		case requiresRule:
			switch {
			case rule.data == nil:
				c.found.add("the requires rule is for no data: data comes from NewData")
			case !slices.Contains(c.requires, rule.data):
				c.requires = append(c.requires, rule.data)
			}
		case finalRule[S]:
			if len(rule.states) == 0 {
				c.found.add("the final rule names no state")
			}
			for _, s := range rule.states {
				c.place("the final rule", s)
			}
			c.final = append(c.final, rule.states...)
		}
	}
}

func (c *compiler[S]) attachGuard(rule guardRule[S]) {
	what, where := fmt.Sprintf("guard %q", rule.name), fmt.Sprintf("%q", label(rule.to))
	guards := new([]graph.Guard[hook[S]])
	if rule.ofEdge {
		where = fmt.Sprintf("%q -> %q", label(rule.from), label(rule.to))
		if e := c.edgeOf(what, rule.from, rule.to); e != nil {
			guards = &e.Guards
		}
	} else if id, ok := c.place(what, rule.to); ok {
		guards = &c.graph.Nodes[id].Guards
	}
	if rule.name == "" {
		c.found.add("a guard of %s has no name", where)
	}
	key := namedGuard[S]{guards, rule.name}
	if c.guards[key] {
		c.found.add("guard %q is given more than once for %s", rule.name, where)
	}
	if c.guards == nil {
		c.guards = make(map[namedGuard[S]]bool)
	}
	c.guards[key] = true
	if rule.check == nil {
		c.found.add("%s has no function", what)
	}
	*guards = append(*guards, graph.Guard[hook[S]]{Name: rule.name, Check: rule.check})
}

func (c *compiler[S]) attachHook(rule hookRule[S]) {
	what, hooks := rule.phase.String()+" hook", new([]hook[S])
	switch rule.phase {
	case PhaseBefore:
		hooks = &c.before
	case PhaseAfter:
		hooks = &c.after
	case PhaseEdge:
		if e := c.edgeOf(what, rule.from, rule.to); e != nil {
			hooks = &e.Hooks
		}
	default:
		if id, ok := c.place(what, rule.state); !ok {
			break
		} else if rule.phase == PhaseExit {
			hooks = &c.graph.Nodes[id].Exit
		} else {
			hooks = &c.graph.Nodes[id].Entry
		}
	}
	if rule.run == nil {
		c.found.add("%s has no function", what)
	}
	*hooks = append(*hooks, rule.run)
}

func (c *compiler[S]) attachTimeouts() {
	c.timeoutsOf = make([][]uint16, len(c.states))
	given := make(map[[2]graph.ID]bool)
	for _, r := range c.rules {
		switch rule := r.spec.(type) {
		case timeoutRule[S]:
			c.attachTimeout(rule, given)
		case timeoutErrorRule[S]:
			if rule.run == nil {
				c.found.add("timeout error hook has no function")
			}
			c.onTimeoutError = append(c.onTimeoutError, rule.run)
		}
	}
}

// attachTimeout attaches a timeout. given has the states and targets of those before it.
func (c *compiler[S]) attachTimeout(rule timeoutRule[S], given map[[2]graph.ID]bool) {
	from, to := label(rule.state), label(rule.to)
	switch {
	case !rule.variable && rule.after <= 0:
		c.found.add("the timeout of %q to %q is %v: it must be positive", from, to, rule.after)
	case rule.variable && rule.name == "":
		c.found.add("the timeout of %q to %q has no name", from, to)
	}
	if rule.variable && rule.afterFunc == nil {
		c.found.add("the timeout of %q to %q has no function", from, to)
	}
	what := "the timeout after " + rule.name
	id, known := c.place(what, rule.state)
	target, also := c.id(what, rule.to)
	if !known || !also {
		return
	}
	if c.graph.Edge(id, target) == nil {
		c.found.add("%s leads from %q to %q, which the table does not", what, from, to)
	}
	if given[[2]graph.ID{id, target}] {
		c.found.add("%q has more than one timeout to %q", from, to)
	}
	given[[2]graph.ID{id, target}] = true
	c.timeoutsOf[id] = append(c.timeoutsOf[id], uint16(len(c.timeouts)))
	c.timeouts = append(c.timeouts, timeout[S]{rule, id})
}

// id is the ID of a state that a rule names. An unknown state is reported.
func (c *compiler[S]) id(rule string, s S) (graph.ID, bool) {
	id, ok := c.ids[s]
	if !ok {
		c.found.add("%s is for %q, which is not in the table", rule, label(s))
	}
	return id, ok
}

// place is the ID of a state that is not a history state. Any other state is reported.
func (c *compiler[S]) place(rule string, s S) (graph.ID, bool) {
	id, ok := c.id(rule, s)
	if ok && c.graph.IsHistory(id) {
		c.found.add("%s is for %q, which is a history state", rule, label(s))
		return id, false
	}
	return id, ok
}

// edgeOf is the edge that a rule names, or nil. An unknown edge is reported.
func (c *compiler[S]) edgeOf(rule string, from, to S) *graph.Edge[hook[S]] {
	source, known := c.place(rule, from)
	target, also := c.id(rule, to)
	if !known || !also {
		return nil
	}
	e := c.graph.Edge(source, target)
	if e == nil {
		c.found.add("%s is for %q -> %q, which is not in the table", rule, label(from), label(to))
	}
	return e
}

// findCode notes where user code may run, and whether the definition is plain: a transition
// is then an entry in the history and no more.
func (c *compiler[S]) findCode() {
	c.asks = len(c.before) > 0 || c.unhandled != nil
	c.acts = len(c.after) > 0
	for i := range c.graph.Nodes {
		n := &c.graph.Nodes[i]
		c.asks = c.asks || len(n.Guards) > 0
		c.acts = c.acts || len(n.Entry)+len(n.Exit) > 0
		for _, e := range n.Edges {
			c.asks = c.asks || len(e.Guards) > 0
			c.acts = c.acts || len(e.Hooks) > 0
		}
	}
	for _, r := range c.rules {
		switch rule := r.spec.(type) {
		case *eventRule[S]:
			c.asks = c.asks || len(rule.guards) > 0 || rule.kind == chooses
			c.acts = c.acts || len(rule.acts) > 0
		case timeoutRule[S]:
			c.asks = c.asks || rule.variable
		}
	}
	c.stateful = len(c.timeouts)+len(c.graph.Remembered) > 0
	c.plain = !c.asks && !c.acts && !c.stateful && len(c.finally)+len(c.onTimeoutError) == 0
}

// computeFingerprint hashes the states, their edges in the table and the hierarchy. It
// does not depend on the order of the table.
func (d *Definition[S]) computeFingerprint() string {
	lines := make([]string, len(d.states))
	for i, s := range d.states {
		targets := labels(d.lists[i])
		slices.Sort(targets)
		lines[i] = fmt.Sprintf("%q %q", label(s), targets)
		n := &d.graph.Nodes[i]
		if n.Parent != graph.None {
			lines[i] += fmt.Sprintf(" in %q", label(d.states[n.Parent]))
		}
		if len(n.Children) > 0 {
			lines[i] += fmt.Sprintf(" begins %q", label(d.states[n.Children[0]]))
		}
		if n.History.Of != graph.None {
			lines[i] += fmt.Sprintf(" recalls %q %v", label(d.states[n.History.Of]), n.History.Deep)
		}
	}
	slices.Sort(lines)
	h := fnv.New64a()
	fmt.Fprintf(h, "%q\n%s", label(d.states[0]), strings.Join(lines, "\n"))
	return fmt.Sprintf("%016x", h.Sum64())
}
