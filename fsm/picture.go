package fsm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Mark adds what is true of one machine to a picture of its definition: [Current]
// and [Taken].
type Mark[S comparable] func(*picture[S])

// Current marks a state.
func Current[S comparable](s S) Mark[S] {
	return func(p *picture[S]) {
		for i := range p.nodes {
			p.nodes[i].current = p.nodes[i].current || p.states[i] == s
		}
	}
}

// Taken marks the edges that a history has gone, and how often. Resets are not
// among them. A history tells leaves, so where several edges may have led from one to
// the other it is the one that is drawn closest to them.
func Taken[S comparable](past []Transition[S]) Mark[S] {
	return func(p *picture[S]) {
		for _, t := range past {
			if a := p.arrowOf(t); a != nil && !t.Forced {
				a.taken++
			}
		}
	}
}

// arrowOf returns the arrow that a step went along, if there is one.
func (p *picture[S]) arrowOf(t Transition[S]) (best *arrow) {
	from, known := p.index[t.From]
	to, also := p.index[t.To]
	closest := -1
	for i := range p.arrows {
		a := &p.arrows[i]
		near := 2 * p.tree.depth(uint16(a.from))
		if uint16(a.to) == to {
			near++
		}
		if known && also && near > closest && p.tree.within(from, uint16(a.from)) && p.leads(a, from, to) {
			best, closest = a, near
		}
	}
	return best
}

// leads reports whether an arrow may end in a leaf.
func (p *picture[S]) leads(a *arrow, from, to uint16) bool {
	r, history := p.tree.recalled(uint16(a.to))
	switch {
	case a.stays:
		return from == to
	case history:
		return p.tree.within(to, r.of)
	}
	return p.tree.initial(uint16(a.to)) == to
}

// picture is a definition as it is drawn, before any notation: states in the order
// of [Definition.States], and edges in that of the table, so that the same
// definition always gives the same bytes.
type picture[S comparable] struct {
	*graph[S]
	nodes  []node
	arrows []arrow
}

type node struct {
	name    string
	inside  []string // what is handled without leaving it
	around  uint16   // the state in which it is drawn, or none
	holds   bool     // others lie within it
	final   bool
	current bool
}

type arrow struct {
	from, to int
	around   uint16 // the innermost state that holds both ends
	labels   []string
	stays    bool
	taken    int
}

// lines are an arrow's labels, with how often it was taken.
func (a arrow) lines() []string {
	if a.taken == 0 {
		return a.labels
	}
	return append(slices.Clone(a.labels), fmt.Sprintf("taken %d", a.taken))
}

func (d *Definition[S]) picture(marks []Mark[S]) picture[S] {
	p := picture[S]{graph: d.graph}
	for i := range d.graph.states {
		p.nodes = append(p.nodes, d.node(uint16(i)))
	}
	for i := range d.graph.states {
		for at, to := range d.graph.targets[i] {
			if lines, drawn := d.drawn(uint16(i), at); drawn {
				p.arrows = append(p.arrows, arrow{from: i, to: int(to), labels: lines,
					around: p.around(uint16(i), to), stays: d.way(uint16(i), at, nil).stays})
			}
		}
	}
	for _, mark := range marks {
		mark(&p)
	}
	return p
}

func (d *Definition[S]) node(i uint16) node {
	t := d.graph.tree
	n := node{name: shown(label(d.graph.states[i])), around: t.outer(i), holds: t.composite(i)}
	if r, ok := t.recalled(i); ok {
		n.name, n.around = map[bool]string{false: "H ", true: "H* "}[r.deep]+n.name, r.of
		return n
	}
	n.inside, n.final = d.inside(i), len(d.graph.targets[i]) == 0 && !n.holds
	if n.around != none { // what holds all around is said there
		said := d.inside(n.around)
		n.inside = slices.DeleteFunc(n.inside, func(line string) bool { return slices.Contains(said, line) })
	}
	return n
}

// around is the innermost state in whose drawing both ends of an arrow lie.
func (p *picture[S]) around(from, to uint16) uint16 {
	top := p.nodes[from].around
	for top != none && (top == to || p.nodes[to].around != top && !p.tree.within(p.nodes[to].around, top)) {
		top = p.tree.outer(top)
	}
	return top
}

// drawn returns the labels of an arrow along an edge, and whether there is one: an edge
// that a state has from one around it is drawn there, and here only with what is said
// about it here alone.
func (d *Definition[S]) drawn(from uint16, at int) (lines []string, drawn bool) {
	t, to := d.graph.tree, d.graph.targets[from][at]
	lines = d.labels(from, to)
	if t != nil && t.declared[from][at] != from {
		said := d.labels(t.outer(from), to)
		lines = slices.DeleteFunc(lines, func(line string) bool { return slices.Contains(said, line) })
	}
	limits := d.limits(from, to)
	if len(lines) == 1 && len(limits) > 0 && lines[0] == guarded("", d.guardsOf(from, to)) {
		lines = nil // the guards stand with the timeouts
	}
	lines = append(lines, limits...)
	return lines, len(lines) > 0 || t == nil || t.declared[from][at] == from
}

// limits returns the timeouts of a state that lead along an edge.
func (d *Definition[S]) limits(from, to uint16) (lines []string) {
	for _, i := range d.places[from].timeouts {
		if t := &d.timeouts[i]; t.to == d.graph.states[to] {
			lines = append(lines, guarded("after "+shown(t.name), d.guardsOf(from, to)))
		}
	}
	return lines
}

func (d *Definition[S]) guardsOf(from, to uint16) []string {
	return d.Guards(d.graph.states[from], d.graph.states[to])
}

// inside returns what a state does with events without being left.
func (d *Definition[S]) inside(from uint16) []string {
	var lines []string
	for _, h := range d.places[from].handlers {
		for _, c := range h.candidates {
			switch c.kind {
			case stays:
				lines = append(lines, guarded(shown(h.id.name)+" (internal)", c.guardNames()))
			case ignores:
				lines = append(lines, shown(h.id.name)+" (ignored)")
			}
		}
	}
	return lines
}

// labels returns what leads along an edge: the events, each with the guards that
// it has to pass; or, without an event, the guards alone.
func (d *Definition[S]) labels(from, to uint16) []string {
	target, common := d.graph.states[to], d.guardsOf(from, to)
	var lines []string
	for _, h := range d.places[from].handlers {
		for _, c := range h.candidates {
			if slices.Contains(c.among, target) {
				lines = append(lines, guarded(shown(h.id.name), slices.Concat(c.guardNames(), common)))
			}
		}
	}
	if len(lines) == 0 && len(common) > 0 {
		lines = append(lines, guarded("", common))
	}
	if from == to && d.places[from].self == remaining {
		lines = append(lines, "(not left)")
	}
	return lines
}

// guarded adds guards to a label in the manner of UML.
func guarded(label string, guards []string) string {
	if len(guards) == 0 {
		return label
	}
	named := make([]string, len(guards))
	for i, g := range guards {
		named[i] = shown(g)
	}
	return strings.TrimSpace(label + " [" + strings.Join(named, ", ") + "]")
}

// shown is a name as it is drawn: as it is if it can be printed on one line, in
// quotes and escaped if not, or if nothing would be seen.
func shown(name string) string {
	invisible := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, invisible) || strings.ToValidUTF8(name, "") != name {
		return strconv.Quote(name)
	}
	return name
}
