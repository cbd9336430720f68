package fsmdraw

import (
	"fmt"
	"regexp"
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
	for _, i := range d.inside[around] {
		n := d.nodes[i]
		switch {
		case n.initial != none:
			// The events are part of the title, because a description replaces it.
			title := strings.Join(append([]string{n.name}, n.inPlace...), ", ")
			fmt.Fprintf(b, "%sstate \"%s\" as s%d {\n", indent, mermaidText(title), i)
			d.writeMermaid(b, i, deeper(indent, "    "))
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

	// A state that an arrow mentions in a parent moves into that parent. At the top none moves.
	for _, i := range d.between[around] {
		a := d.arrows[i]
		fmt.Fprintf(b, "%ss%d --> s%d", indent, a.from, a.to)
		separator := " : "
		for _, line := range a.lines {
			b.WriteString(separator + mermaidText(line))
			separator = "<br/>"
		}
		b.WriteByte('\n')
	}
	for _, i := range d.inside[around] {
		if d.nodes[i].final {
			fmt.Fprintf(b, "%ss%d --> [*]\n", indent, i)
		}
	}
}

// mermaidText escapes a line of a label. Mermaid looks for some statements anywhere in a text,
// and reads labels as Markdown before it fills in the entities.
func mermaidText(line string) string {
	var b strings.Builder
	var last rune
	for _, r := range line {
		switch {
		case r == ' ' && last == ' ':
			b.WriteString("#160;") // a space that HTML does not join to the one before
		case r == 'ﬂ' || r == '¶':
			// Mermaid itself writes entities as ﬂ°name¶ß, and decodes a name that
			// has these characters. A word joiner, which is invisible, parts them.
			fmt.Fprintf(&b, "#%d;#8288;", r)
		case
			unicode.IsLetter(r), strings.ContainsRune(" ./,()", r),
			last != 0 && (unicode.IsDigit(r) || r == '-'), // at the start of a line: an item of a list
			last != r && (r == '[' || r == ']'):           // as a pair: a kind of state
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
		last = r
	}
	return direction.ReplaceAllString(b.String(), "$1#32;")
}

// direction matches the start of a statement of the layout's direction, which Mermaid finds in
// the middle of a name as well.
var direction = regexp.MustCompile("(?i)(direction) ")
