package fsmdraw

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/leasehold-go/leasehold/fsm"
)

// drawing is a definition as nodes and arrows, without a notation. A node is known by its
// place in nodes.
type drawing struct {
	nodes  []node  // in the order of [fsm.Description].States
	arrows []arrow // in the order of [fsm.Description].Edges, without some
	nested bool    // some node is drawn in another

	// The nodes drawn directly in a node, the arrows between them, and the arrows that leave it,
	// in their order. The key none stands for the top.
	inside, between, leaving map[int][]int
}

// none stands where there is no node.
const none = -1

// node is a state.
type node struct {
	name    string
	inPlace []string // a line for each event that is handled without a transition
	around  int      // the node in which this one is drawn; none at the top
	initial int      // the child that is entered with a parent; none for every other node
	history bool     // a history state; around is the parent for which it stands
	final   bool
	current bool
}

// arrow is an edge.
type arrow struct {
	from, to int
	around   int      // the node that both ends are drawn in; none at the top or if they differ
	lines    []string // the label
	self     bool     // does not leave its source: [fsm.Self]
	taken    int
}

// newDrawing makes a drawing of a description that [fsm.Description.Check] accepts.
func newDrawing(def fsm.Description, marks []Mark[string]) *drawing {
	d := new(drawing)
	ids := make(map[string]int, len(def.States))
	for i, s := range def.States {
		ids[s.Name] = i
	}
	for _, s := range def.States {
		n := node{name: printable(s.Name), inPlace: inPlace(s), around: none, initial: none, history: s.History != "", final: s.Final}
		switch s.History {
		case "shallow":
			n.name = "H " + n.name
		case "deep":
			n.name = "H* " + n.name
		}
		if s.Initial != nil {
			n.initial = ids[*s.Initial]
		}
		if s.Parent != nil {
			n.around = ids[*s.Parent]
			n.inPlace = without(n.inPlace, inPlace(def.States[n.around]))
		}
		d.nested = d.nested || n.around != none
		d.nodes = append(d.nodes, n)
	}
	d.arrows = newArrows(d, def.Edges, ids)
	d.inside, d.between, d.leaving = make(map[int][]int), make(map[int][]int), make(map[int][]int)
	for i, n := range d.nodes {
		d.inside[n.around] = append(d.inside[n.around], i)
	}
	for i, a := range d.arrows {
		d.between[a.around] = append(d.between[a.around], i)
		d.leaving[a.from] = append(d.leaving[a.from], i)
	}

	for _, m := range marks {
		if m.current != nil {
			if id, known := ids[*m.current]; known {
				d.nodes[id].current = true
			}
		}
		for _, t := range m.taken {
			from, known := ids[t.From]
			to, also := ids[t.To]
			if known && also && !t.Forced && !t.Start && !d.nodes[from].history && !d.nodes[to].history {
				d.take(from, to)
			}
		}
	}
	for i := range d.arrows {
		if a := &d.arrows[i]; a.taken > 0 {
			a.lines = append(a.lines, fmt.Sprintf("taken %d", a.taken))
		}
	}
	return d
}

// described returns the description of a definition, with the marks for it. Marks of states that
// the definition does not have are left out, although another state may print like one.
func described[S comparable](def *fsm.Definition[S], marks []Mark[S]) (fsm.Description, []Mark[string]) {
	// A state lies in itself, unless it is unknown.
	known := func(s S) bool { return def.In(s, s) }
	var texts []Mark[string]
	for _, m := range marks {
		var text Mark[string]
		if m.current != nil && known(*m.current) {
			text.current = new(fmt.Sprint(*m.current))
		}
		for _, t := range m.taken {
			if known(t.From) && known(t.To) {
				text.taken = append(text.taken, fsm.Transition[string]{From: fmt.Sprint(t.From), To: fmt.Sprint(t.To), Forced: t.Forced, Start: t.Start})
			}
		}
		texts = append(texts, text)
	}
	return def.Describe(), texts
}

// inPlace returns a line for each event that a state handles without a transition.
func inPlace(s fsm.DescribedState) []string {
	var lines []string
	for _, e := range s.InPlace {
		if e.Ignored {
			lines = append(lines, printable(e.Name)+" (ignored)")
		} else {
			lines = append(lines, guarded(printable(e.Name)+" (internal)", e.Guards))
		}
	}
	return lines
}

// newArrows returns the arrows of a drawing that has its nodes. An inherited edge has an arrow
// only if its label says more than the label of the same edge at the parent.
func newArrows(d *drawing, edges []fsm.Edge[string], ids map[string]int) []arrow {
	// The lines of every edge, except timeouts: events with all guards, or the guards alone.
	lines := make(map[[2]int][]string, len(edges)) // by source and target
	for _, e := range edges {
		var label []string
		for _, event := range e.Events {
			label = append(label, guarded(printable(event.Name), slices.Concat(event.Guards, e.Guards)))
		}
		if len(label) == 0 && len(e.Guards) > 0 {
			label = append(label, guarded("", e.Guards))
		}
		if e.From == e.To && e.Kind == fsm.EdgeSelf {
			label = append(label, "(not left)")
		}
		if e.Kind == fsm.EdgeLocal {
			label = append(label, "(local)")
		}
		lines[[2]int{ids[e.From], ids[e.To]}] = label
	}

	var arrows []arrow
	for _, e := range edges {
		from, to := ids[e.From], ids[e.To]
		a := arrow{from: from, to: to, around: d.nodes[from].around, self: e.Kind == fsm.EdgeSelf}
		if d.nodes[to].around != a.around {
			a.around = none
		}
		inherited := e.Declared != e.From
		a.lines = slices.Clone(lines[[2]int{from, to}])
		if inherited {
			a.lines = without(a.lines, lines[[2]int{d.nodes[from].around, to}])
		}
		if len(e.Timeouts) > 0 && len(a.lines) == 1 && a.lines[0] == guarded("", e.Guards) {
			a.lines = nil // the line of each timeout has the guards
		}
		for _, name := range e.Timeouts {
			a.lines = append(a.lines, guarded("after "+printable(name), e.Guards))
		}
		if !inherited || len(a.lines) > 0 {
			arrows = append(arrows, a)
		}
	}
	return arrows
}

// take counts a transition between two leaves for the arrow that [Taken] describes: of the
// innermost source, and there rather one to the leaf itself.
func (d *drawing) take(from, to int) {
	for source := from; source != none; source = d.nodes[source].around {
		var best *arrow
		for _, i := range d.leaving[source] {
			if a := &d.arrows[i]; d.leads(a, from, to) && (best == nil || a.to == to && best.to != to) {
				best = a
			}
		}
		if best != nil {
			best.taken++
			return
		}
	}
}

// leads reports whether an arrow of a node around from can lead to the leaf to.
func (d *drawing) leads(a *arrow, from, to int) bool {
	if a.self {
		return from == to
	}
	if d.nodes[a.to].history { // may enter any leaf of its parent
		return d.within(to, d.nodes[a.to].around)
	}
	target := a.to
	for d.nodes[target].initial != none {
		target = d.nodes[target].initial
	}
	return target == to
}

// within reports whether node i is a node or is drawn in it, at any depth.
func (d *drawing) within(i, around int) bool {
	for i != around && i != none {
		i = d.nodes[i].around
	}
	return i != none
}

// deeper returns the indentation of the lines within a node. It stops growing at 16 levels, so
// that the length of a drawing is linear in the number of its lines.
func deeper(indent, step string) string {
	if len(indent) < 16*len(step) {
		return indent + step
	}
	return indent
}

// without returns lines that are not among others. It overwrites lines.
func without(lines, others []string) []string {
	if len(lines) == 0 || len(others) == 0 {
		return lines
	}
	among := make(map[string]bool, len(others))
	for _, line := range others {
		among[line] = true
	}
	return slices.DeleteFunc(lines, func(line string) bool { return among[line] })
}

// guarded adds guards to a line, in the notation of UML.
func guarded(line string, guards []string) string {
	if len(guards) == 0 {
		return line
	}
	names := make([]string, len(guards))
	for i, g := range guards {
		names[i] = printable(g)
	}
	return strings.TrimSpace(line + " [" + strings.Join(names, ", ") + "]")
}

// printable returns a name as it is if all of it is visible on one line, and otherwise as a Go
// string literal.
func printable(name string) string {
	invisible := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || strings.TrimSpace(name) != name || strings.ContainsFunc(name, invisible) || !utf8.ValidString(name) {
		return strconv.Quote(name)
	}
	return name
}
