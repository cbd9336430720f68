package fsm

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
)

// Fingerprint tells tables apart: two definitions have the same if they have the same
// states, edges and hierarchy, in whatever order the table lists them. The other
// rules do not count, timeouts included.
func (d *Definition[S]) Fingerprint() string { return d.mark }

func (d *Definition[S]) fingerprint() string {
	lines := make([]string, len(d.graph.states))
	for i, s := range d.graph.states {
		targets := printed(d.table.next[i])
		slices.Sort(targets)
		lines[i] = fmt.Sprintf("%q %q%s", label(s), targets, d.lineage(uint16(i)))
	}
	slices.Sort(lines)
	h := fnv.New64a()
	fmt.Fprintf(h, "%q\n%s", label(d.graph.states[0]), strings.Join(lines, "\n"))
	return fmt.Sprintf("%016x", h.Sum64())
}

// lineage is what the fingerprint has of a state's place in the hierarchy.
func (d *Definition[S]) lineage(i uint16) string {
	t := d.graph.tree
	var line string
	if t.outer(i) != none {
		line += fmt.Sprintf(" in %q", label(d.graph.states[t.outer(i)]))
	}
	if t.composite(i) {
		line += fmt.Sprintf(" begins %q", label(d.graph.states[t.children[i][0]]))
	}
	if r, ok := t.recalled(i); ok {
		line += fmt.Sprintf(" recalls %q %v", label(d.graph.states[r.of]), r.deep)
	}
	return line
}
