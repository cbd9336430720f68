package fsm

import (
	"fmt"
	"strings"
)

// DOT draws the definition for Graphviz, with what [Definition.Mermaid] shows.
func (d *Definition[S]) DOT(marks ...Mark[S]) string {
	p := d.picture(marks)
	var b strings.Builder
	b.WriteString("digraph {\n\trankdir=LR\n")
	if p.tree != nil {
		b.WriteString("\tcompound=true\n") // so that arrows may end at clusters
	}
	b.WriteString("\tnode [shape=box, style=rounded, fontname=\"Helvetica\"]\n")
	b.WriteString("\tedge [fontname=\"Helvetica\", fontsize=11]\n")
	b.WriteString("\tinitial [shape=point, width=0.15]\n")
	p.dot(&b, none, "\t")
	fmt.Fprintf(&b, "\tinitial -> %s%s\n", p.anchor(0), p.clipped(0, none, ""))
	for _, a := range p.arrows {
		from, to := uint16(a.from), uint16(a.to)
		fmt.Fprintf(&b, "\t%s -> %s%s\n", p.anchor(from), p.anchor(to), p.clipped(to, from, a.look()))
	}
	b.WriteString("}\n")
	return b.String()
}

// dot draws what lies directly within a state, or at the top. In a cluster there is
// also the point from which its first state is entered; arrows of the cluster itself
// begin and end there.
func (p *picture[S]) dot(b *strings.Builder, around uint16, indent string) {
	for i, n := range p.nodes {
		switch text := dotText(append([]string{n.name}, n.inside...)); {
		case n.around != around:
		case n.holds:
			fmt.Fprintf(b, "%ssubgraph cluster%d {\n%s\tlabel=%s; style=rounded; fontname=\"Helvetica\"\n", indent, i, indent, text)
			fmt.Fprintf(b, "%s\tinitial%d [shape=point, width=0.1]\n", indent, i)
			p.dot(b, uint16(i), indent+"\t")
			first := p.tree.children[i][0]
			fmt.Fprintf(b, "%s\tinitial%d -> %s%s\n%s}\n", indent, i, p.anchor(first), p.clipped(first, none, ""), indent)
		default:
			fmt.Fprintf(b, "%ss%d [label=%s%s]\n", indent, i, text, n.look())
		}
	}
}

// anchor is the node at which arrows of a state begin and end.
func (p *picture[S]) anchor(i uint16) string {
	if p.nodes[i].holds {
		return fmt.Sprintf("initial%d", i)
	}
	return fmt.Sprintf("s%d", i)
}

// clipped adds to an arrow's look that it begins or ends at the border of a cluster,
// unless its other end lies within.
func (p *picture[S]) clipped(to, from uint16, look string) string {
	var parts []string
	if look != "" {
		parts = append(parts, look)
	}
	if p.nodes[to].holds && !p.drawnIn(from, to) {
		parts = append(parts, fmt.Sprintf("lhead=cluster%d", to))
	}
	if from != none && p.nodes[from].holds && !p.drawnIn(to, from) {
		parts = append(parts, fmt.Sprintf("ltail=cluster%d", from))
	}
	if len(parts) == 0 {
		return ""
	}
	return " [" + strings.Join(parts, ", ") + "]"
}

// drawnIn reports whether a state is another or is drawn within it.
func (p *picture[S]) drawnIn(i, around uint16) bool {
	return i != none && (i == around || p.tree.within(p.nodes[i].around, around))
}

func (n node) look() string {
	var look string
	if n.final {
		look += ", peripheries=2"
	}
	if n.current {
		look += `, style="rounded,filled", fillcolor="#ffd54f"`
	}
	return look
}

func (a arrow) look() string {
	if len(a.lines()) == 0 {
		return ""
	}
	look := "label=" + dotText(a.lines())
	if a.taken > 0 {
		look += `, penwidth=2.5, color="#1565c0"`
	}
	return look
}

// dotText is a quoted string. A backslash begins an escape in it, and an ampersand
// an entity.
func dotText(lines []string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = escape.Replace(line)
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}
