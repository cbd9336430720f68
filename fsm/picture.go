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
// among them.
func Taken[S comparable](past []Transition[S]) Mark[S] {
	return func(p *picture[S]) {
		for _, t := range past {
			for i := range p.arrows {
				if a := &p.arrows[i]; !t.Forced && p.states[a.from] == t.From && p.states[a.to] == t.To {
					a.taken++
				}
			}
		}
	}
}

// picture is a definition as it is drawn, before any notation: states in the order
// of [Definition.States], and edges in that of the table, so that the same
// definition always gives the same bytes.
type picture[S comparable] struct {
	states []S
	nodes  []node
	arrows []arrow
}

type node struct {
	name    string
	inside  []string // what is handled without leaving it
	final   bool
	current bool
}

type arrow struct {
	from, to int
	labels   []string
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
	p := picture[S]{states: d.graph.states}
	for i, s := range d.graph.states {
		targets := d.graph.targets[i]
		p.nodes = append(p.nodes, node{name: shown(label(s)), inside: d.inside(uint16(i)), final: len(targets) == 0})
		for _, to := range targets {
			p.arrows = append(p.arrows, arrow{from: i, to: int(to), labels: d.labels(uint16(i), to)})
		}
	}
	for _, mark := range marks {
		mark(&p)
	}
	return p
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
	source, target := d.graph.states[from], d.graph.states[to]
	common := d.Guards(source, target)
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
