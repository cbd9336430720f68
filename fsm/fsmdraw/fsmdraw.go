// Package fsmdraw draws definitions of package fsm, as Mermaid and as Graphviz DOT.
//
//	fmt.Print(fsmdraw.Mermaid(lifecycle))
//	fmt.Print(fsmdraw.DOT(lifecycle, fsmdraw.Current(m.State()), fsmdraw.Taken(m.History())))
//
// # Contents
//
//   - States, each parent around its children. A history state is drawn in its parent, as "H"
//     and its name, or "H*" if it is deep. Leaves without an edge are drawn as final.
//   - Edges, with their events, guards and timeouts. An edge of a parent is drawn once, at the
//     parent. It is drawn at a child as well if the child has rules of its own for it, and with
//     these alone.
//   - Events that a state handles without a transition ([fsm.Internal], [fsm.Ignore]). A child
//     does not repeat those of its parent.
//   - Marks: [Current] and [Taken].
//
// Hooks and the code of rules are not drawn.
//
// # Guarantees
//
//   - The same definition with the same marks gives the same bytes, in every process. Nodes
//     have the order of [fsm.Definition.States] and arrows that of [fsm.Definition.Edges], so
//     a drawing can be kept under version control and compared in a test.
//   - A picture shows every name of a state, event, guard and timeout as it is: no name can end
//     a string, a label or a statement, or be read as markup. Tests compare pictures that
//     Mermaid 12 and Graphviz made, with their default configuration, with the definition.
//   - A name is drawn as a Go string literal, in quotes, if part of it would not be visible: if
//     it is empty, begins or ends with a space, or has a character that [unicode.IsPrint]
//     refuses, such as a line break, a control character or a zero-width joiner.
//   - Drawing changes neither the definition nor a machine, and runs no user code except the
//     methods by which package fmt prints a state.
//
// # Not guaranteed
//
//   - Layout is up to the tool that reads the text. Mermaid refuses texts over 50,000
//     characters unless it is configured otherwise, and lets a parent with a long name stand
//     out of the parents around it.
//   - With htmlLabels: false, Mermaid shows the code of a character in its place: &#34; for a
//     double quote, and so for ! " # $ % * : ; @ ^ ` { | } ~ in names. Other characters are
//     drawn as they are.
//   - A later version of this package may draw the same definition differently.
//   - Different definitions can have equal drawings: see hooks above, and a name that looks
//     like the string literal of another name.
package fsmdraw

import "github.com/leasehold-go/leasehold/fsm"

// Mark adds facts about one machine to a drawing of its definition. Marks come from [Current]
// and [Taken]. The zero Mark adds nothing.
type Mark[S comparable] struct {
	current *S
	taken   []fsm.Transition[S]
}

// Current highlights a state. A state that the definition does not have is left out.
func Current[S comparable](state S) Mark[S] { return Mark[S]{current: &state} }

// Taken highlights the edges that the transitions of a history took, with the number of
// times. Resets and transitions without an edge in the definition are left out.
//
// A history has leaves alone, so several edges can fit a transition. It counts for the edge
// with the innermost source; of these for the edge to the leaf itself; of these for the first.
func Taken[S comparable](history []fsm.Transition[S]) Mark[S] { return Mark[S]{taken: history} }
