package fsm

import (
	"fmt"
	"strings"
	"unicode"
)

// Mermaid draws the definition as a stateDiagram-v2: edges with their events and
// guards, final states, and what a state handles without being left. The same
// definition always gives the same text. Every name is escaped.
func (d *Definition[S]) Mermaid(marks ...Mark[S]) string {
	p := d.picture(marks)
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n")
	for i, n := range p.nodes {
		fmt.Fprintf(&b, "    state \"%s\" as s%d\n", mermaidText(n.name), i)
		for _, line := range n.inside {
			fmt.Fprintf(&b, "    s%d : %s\n", i, mermaidText(line))
		}
	}
	b.WriteString("    [*] --> s0\n")
	for _, a := range p.arrows {
		fmt.Fprintf(&b, "    s%d --> s%d%s\n", a.from, a.to, mermaidLabel(a.lines()))
	}
	for i, n := range p.nodes {
		if n.final {
			fmt.Fprintf(&b, "    s%d --> [*]\n", i)
		}
	}
	for i, n := range p.nodes {
		if n.current {
			fmt.Fprintf(&b, "    classDef current fill:#ffd54f,stroke:#333,stroke-width:3px\n    class s%d current\n", i)
		}
	}
	return b.String()
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
