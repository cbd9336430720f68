package fsm

import "slices"

// Substates puts states into another one, their parent. All of them are keys of the
// table, which stays as it is:
//
//	fsm.Table[State]{
//		Idle:    {Running},
//		Running: {Idle}, // from every state within it
//		Warming: {Active},
//		Active:  {},
//	}
//	fsm.Substates(Running, Warming, Active)
//
// A machine is always in a leaf: a state with no states within it. Rules about a parent
// hold in its children:
//
//   - Edges. A child has the edges of its parent and its own. It cannot remove one. A
//     [GuardEdge] from the child to a target of the parent is asked for the child only.
//     The table may not list a target for both.
//   - Rules for events. The rules of a child replace all rules of its parent for the same
//     event. If their guards refuse, the event is not offered to the parent, unless
//     [OfferToParent] says so.
//   - Guards and hooks of edges. Those of the child run first.
//   - Timeouts. A timeout of the parent runs from its entry to its exit, whatever happens
//     between its children.
//
// A transition to a parent enters its first child as well, and so on down to a leaf.
// Guards, exit hooks and entry hooks of a parent run when it is entered or left, and not
// for transitions within it.
//
// Transitions are the external transitions of UML and SCXML: they leave all states up to
// the innermost one that contains both source and target and is neither, and enter all
// states from there down. The source is the state that declares the edge. Where Running
// lists Active, that transition leaves Running and enters it again, unless [Local] says
// otherwise; where Warming lists Active, it does not.
func Substates[S comparable](parent S, children ...S) Rule[S] {
	return Rule[S]{substatesRule[S]{parent, slices.Clone(children)}}
}

// Local makes the edge from a parent to a state within it a local transition of UML, which
// SCXML calls internal: it leaves and enters the states within the parent, but not the parent.
// No guard and no hook of the parent runs, its timeouts go on, and its history states keep
// their memory. Where the machine is in the target already, that is left and entered again.
// The table lists the edge like any other.
//
// The target lies within from at any depth, or is a history state of from or of a parent within
// it. A transition from a child to its parent is always external; one that is not to leave the
// parent leads to another child.
func Local[S comparable](from, to S) Rule[S] { return Rule[S]{localRule[S]{from, to}} }

// ShallowHistory makes state a history state of the parent of: as a target it stands for
// the child of that parent that was active when the parent was last left, or for its
// first child if the parent was never left. Within that child the transition enters the
// first states; [DeepHistory] goes back to the leaf.
//
// A history state is a key of the table with an empty list. A machine is never in it.
// After [Machine.Reset] no parent counts as left.
func ShallowHistory[S comparable](state, of S) Rule[S] {
	return Rule[S]{historyRule[S]{state, of, false}}
}

// DeepHistory makes state a history state that stands for the leaf within of that was
// active when of was last left. Compare [ShallowHistory].
func DeepHistory[S comparable](state, of S) Rule[S] { return Rule[S]{historyRule[S]{state, of, true}} }

type substatesRule[S comparable] struct {
	parent   S
	children []S
}

type localRule[S comparable] struct{ from, to S }

type historyRule[S comparable] struct {
	state, of S
	deep      bool
}
