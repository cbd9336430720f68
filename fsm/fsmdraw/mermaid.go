package fsmdraw

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/leasehold-go/leasehold/fsm"
)

// Mermaid draws a definition as a Mermaid stateDiagram-v2. The result ends with a newline.
func Mermaid[S comparable](def *fsm.Definition[S], marks ...Mark[S]) string {
	d := newDrawing(def, marks)
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	d.writeMermaid(&b, none, "    ")
	for i, n := range d.nodes {
		if n.current {
			fmt.Fprintf(&b, "    classDef current fill:#ffd54f,stroke:#333,stroke-width:3px\n    class s%d current\n", i)
		}
	}
	return b.String()
}

// writeMermaid writes the nodes that are drawn directly in a node, or at the top, and the
// arrows between them.
func (d *drawing) writeMermaid(b *strings.Builder, around int, indent string) {
	for i, n := range d.nodes {
		switch {
		case n.around != around:
		case n.initial != none:
			// The events are part of the title, because a description replaces it.
			title := strings.Join(append([]string{n.name}, n.inPlace...), ", ")
			fmt.Fprintf(b, "%sstate \"%s\" as s%d {\n", indent, mermaidText(title), i)
			d.writeMermaid(b, i, indent+"    ")
			fmt.Fprintf(b, "%s}\n", indent)
		default:
			fmt.Fprintf(b, "%sstate \"%s\" as s%d\n", indent, mermaidText(n.name), i)
			for _, line := range n.inPlace {
				fmt.Fprintf(b, "%ss%d : %s\n", indent, i, mermaidText(line))
			}
		}
	}

	// Every level has a start, with an arrow to a node of that level: the initial one, or the
	// one that contains it.
	first := 0
	if around != none {
		first = d.nodes[around].initial
	}
	for d.nodes[first].around != around {
		first = d.nodes[first].around
	}
	fmt.Fprintf(b, "%s[*] --> s%d\n", indent, first)

	for _, a := range d.arrows {
		if a.around != around {
			continue
		}
		fmt.Fprintf(b, "%ss%d --> s%d", indent, a.from, a.to)
		separator := " : "
		for _, line := range a.lines {
			b.WriteString(separator + mermaidText(line))
			separator = "<br/>"
		}
		b.WriteByte('\n')
	}
	for i, n := range d.nodes {
		if n.final && n.around == around {
			fmt.Fprintf(b, "%ss%d --> [*]\n", indent, i)
		}
	}
}

// mermaidText writes every character that could be Mermaid syntax as a numeric entity.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -_./,()[]", r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}
