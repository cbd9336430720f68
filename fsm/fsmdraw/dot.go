package fsmdraw

import (
	"fmt"
	"strings"

	"github.com/leasehold-go/leasehold/fsm"
)

// DOT draws a definition as a Graphviz digraph, for the layout engine dot. The result ends
// with a newline.
func DOT[S comparable](def *fsm.Definition[S], marks ...Mark[S]) string {
	return dot(newDrawing(described(def, marks)))
}

// DOTOf is DOT for a description, as [fsm.Definition.Describe] makes it. It fails with the error
// of [fsm.Description.Check].
func DOTOf(def fsm.Description, marks ...Mark[string]) (string, error) {
	if err := def.Check(); err != nil {
		return "", err
	}
	return dot(newDrawing(def, marks)), nil
}

func dot(d *drawing) string {
	var b strings.Builder
	b.WriteString("digraph {\n\trankdir=LR\n")
	if d.nested {
		b.WriteString("\tcompound=true\n") // lets arrows end at clusters
	}
	b.WriteString("\tnode [shape=box, style=rounded, fontname=\"Helvetica\"]\n")
	b.WriteString("\tedge [fontname=\"Helvetica\", fontsize=11]\n")
	b.WriteString("\tinitial [shape=point, width=0.15]\n")
	d.writeDOT(&b, none, "\t")
	fmt.Fprintf(&b, "\t%s\n", d.dotArrow(none, 0))
	for _, a := range d.arrows {
		var attributes []string
		if len(a.lines) > 0 {
			attributes = append(attributes, "label="+dotText(a.lines))
		}
		if a.taken > 0 {
			attributes = append(attributes, "penwidth=2.5", `color="#1565c0"`)
		}
		fmt.Fprintf(&b, "\t%s\n", d.dotArrow(a.from, a.to, attributes...))
	}
	b.WriteString("}\n")
	return b.String()
}

// writeDOT writes the nodes that are drawn directly in a node, or at the top. A parent is a
// cluster. It contains a point with an arrow to the initial child.
func (d *drawing) writeDOT(b *strings.Builder, around int, indent string) {
	for _, i := range d.inside[around] {
		n := d.nodes[i]
		text := dotText(append([]string{n.name}, n.inPlace...))
		switch {
		case n.initial != none:
			fmt.Fprintf(b, "%ssubgraph cluster%d {\n%s\tlabel=%s; style=rounded; fontname=\"Helvetica\"\n", indent, i, indent, text)
			fmt.Fprintf(b, "%s\t%s [shape=point, width=0.1]\n", indent, d.dotName(i))
			d.writeDOT(b, i, deeper(indent, "\t"))
			fmt.Fprintf(b, "%s\t%s\n%s}\n", indent, d.dotArrow(i, n.initial), indent)
		default:
			attributes := "label=" + text
			if n.final {
				attributes += ", peripheries=2"
			}
			if n.current {
				attributes += `, style="rounded,filled", fillcolor="#ffd54f"`
			}
			fmt.Fprintf(b, "%s%s [%s]\n", indent, d.dotName(i), attributes)
		}
	}
}

// dotArrow returns the statement of an arrow; from none it is the arrow from the start. An
// arrow of a parent is clipped at the border of the cluster, unless the other end lies in it.
func (d *drawing) dotArrow(from, to int, attributes ...string) string {
	if d.nodes[to].initial != none && !d.within(from, to) {
		attributes = append(attributes, fmt.Sprintf("lhead=cluster%d", to))
	}
	if from != none && d.nodes[from].initial != none && !d.within(to, from) {
		attributes = append(attributes, fmt.Sprintf("ltail=cluster%d", from))
	}
	arrow := d.dotName(from) + " -> " + d.dotName(to)
	if len(attributes) > 0 {
		arrow += " [" + strings.Join(attributes, ", ") + "]"
	}
	return arrow
}

// dotName returns the name that arrows use for a node: its box, or for a parent the point in
// its cluster. The name of none is that of the start.
func (d *drawing) dotName(i int) string {
	switch {
	case i == none:
		return "initial"
	case d.nodes[i].initial != none:
		return fmt.Sprintf("initial%d", i)
	}
	return fmt.Sprintf("s%d", i)
}

// dotText returns lines as a quoted string. DOT reads a backslash in it as the start of an
// escape and an ampersand as the start of an entity.
func dotText(lines []string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = dotEscapes.Replace(line)
	}
	return `"` + strings.Join(escaped, `\n`) + `"`
}

var dotEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, `&`, `&amp;`)
