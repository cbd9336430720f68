package fsm

import (
	"fmt"
	"strings"
	"unicode"
)

// Mermaid draws the definition as a stateDiagram-v2: edges with their events, guards
// and timeouts, final states, what a state handles without being left, and what lies
// within it. A history state is drawn in the state that it remembers, as "H" and its
// name, or "H*" if it is deep. The same definition always gives the same text. Every
// name is escaped.
func (d *Definition[S]) Mermaid(marks ...Mark[S]) string {
	p := d.picture(marks)
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	p.mermaid(&b, none, "    ")
	for i, n := range p.nodes {
		if n.current {
			fmt.Fprintf(&b, "    classDef current fill:#ffd54f,stroke:#333,stroke-width:3px\n    class s%d current\n", i)
		}
	}
	return b.String()
}

// mermaid draws what lies directly within a state, or at the top.
func (p *picture[S]) mermaid(b *strings.Builder, around uint16, indent string) {
	for i, n := range p.nodes {
		if n.around == around {
			p.mermaidNode(b, uint16(i), indent)
		}
	}
	first := uint16(0)
	if around != none {
		first = p.tree.children[around][0]
	}
	for p.nodes[first].around != around {
		first = p.nodes[first].around
	}
	fmt.Fprintf(b, "%s[*] --> s%d\n", indent, first)
	for _, a := range p.arrows {
		if a.around == around {
			fmt.Fprintf(b, "%ss%d --> s%d%s\n", indent, a.from, a.to, mermaidLabel(a.lines()))
		}
	}
	for i, n := range p.nodes {
		if n.final && n.around == around {
			fmt.Fprintf(b, "%ss%d --> [*]\n", indent, i)
		}
	}
}

func (p *picture[S]) mermaidNode(b *strings.Builder, i uint16, indent string) {
	n := p.nodes[i]
	if n.holds { // a line of its own would take the place of the title
		title := strings.Join(append([]string{n.name}, n.inside...), ", ")
		fmt.Fprintf(b, "%sstate \"%s\" as s%d {\n", indent, mermaidText(title), i)
		p.mermaid(b, i, indent+"    ")
		fmt.Fprintf(b, "%s}\n", indent)
		return
	}
	fmt.Fprintf(b, "%sstate \"%s\" as s%d\n", indent, mermaidText(n.name), i)
	for _, line := range n.inside {
		fmt.Fprintf(b, "%ss%d : %s\n", indent, i, mermaidText(line))
	}
}

func mermaidLabel(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = mermaidText(line)
	}
	return " : " + strings.Join(escaped, "<br/>")
}

// mermaidText writes everything that Mermaid could take for its own as a numbered
// entity.
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
