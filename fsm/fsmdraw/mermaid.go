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
	return mermaid(newDrawing(described(def, marks)))
}

// MermaidOf is Mermaid for a description, as [fsm.Definition.Describe] makes it. It fails with the error
// of [fsm.Description.Check].
func MermaidOf(def fsm.Description, marks ...Mark[string]) (string, error) {
	if err := def.Check(); err != nil {
		return "", err
	}
	return mermaid(newDrawing(def, marks)), nil
}

func mermaid(d *drawing) string {
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
// reads labels as Markdown, and fills in the codes of characters after that; without HTML, only
// the codes of &, < and >. Where it does, a word joiner, which is invisible, takes a
// character's meaning from it.
func mermaidText(line string) string {
	const joiner = "\u2060"
	var b strings.Builder
	var last rune
	runes := []rune(line)
	for i, r := range runes {
		switch {
		case r == ' ' && last == ' ':
			b.WriteRune('\u00a0') // a space that HTML does not join to the one before
		case r == '&':
			b.WriteString("#amp;")
		case r == '<':
			b.WriteString("#lt;")
		case r == '>':
			b.WriteString("#gt;")
		case r == 'ﬂ' || r == '¶':
			// Mermaid itself writes codes as ﬂ°name¶ß, and decodes a name that has these
			// characters.
			fmt.Fprintf(&b, "#%d;%s", r, joiner)
		case r == '_' || r == '\\':
			b.WriteString(joiner + string(r) + joiner) // within a word they mean nothing
		case last == 0 && (unicode.IsDigit(r) || strings.ContainsRune("-+=", r)), // at the start of a line: an item of a list, or a line
			last == r && (r == '[' || r == ']'): // as a pair: a kind of state
			b.WriteString(joiner + string(r))
		case
			unicode.IsLetter(r), unicode.IsDigit(r), r > unicode.MaxASCII, strings.ContainsRune(" ./,()-+=?'[]", r),
			r == '*' && i > 0 && i+1 < len(runes) && runes[i+1] == ' ': // which begins nothing
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
		last = r
	}
	return direction.ReplaceAllString(b.String(), "$1"+joiner+" ")
}

// direction matches the start of a statement of the layout's direction, which Mermaid finds in
// the middle of a name as well.
var direction = regexp.MustCompile("(?i)(direction) ")
