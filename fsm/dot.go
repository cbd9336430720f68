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
	b.WriteString("\tnode [shape=box, style=rounded, fontname=\"Helvetica\"]\n")
	b.WriteString("\tedge [fontname=\"Helvetica\", fontsize=11]\n")
	b.WriteString("\tinitial [shape=point, width=0.15]\n")
	for i, n := range p.nodes {
		fmt.Fprintf(&b, "\ts%d [label=%s%s]\n", i, dotText(append([]string{n.name}, n.inside...)), n.look())
	}
	b.WriteString("\tinitial -> s0\n")
	for _, a := range p.arrows {
		fmt.Fprintf(&b, "\ts%d -> s%d%s\n", a.from, a.to, a.look())
	}
	b.WriteString("}\n")
	return b.String()
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
	return " [" + look + "]"
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
