// Package xstate_test runs random state machines on fsm and on a real XState, and compares them
// step by step: the state, the order of all hooks and actions, and whether an event was taken.
//
// Each chart has nested states, history states, guards, edges of every kind, rules of every kind
// for events, timeouts, and hooks that fire events. Half of its steps fire an event; in the others
// a transition is asked for, or time passes, under testing/synctest on one side and on a
// simulated clock on the other. Some steps restore the machine of fsm from a snapshot.
//
// run.mjs runs XState in a node process. This is the translation. Where the two sides differ by
// intention, the test counts the uses of a line, and fails if there are none.
//
//	fsm                                     XState
//	an external edge into its source        reenter: true, or it would not leave the source
//	Local                                   no reenter
//	Self of a leaf                          the state as target, without reenter
//	Self of a parent                        no target, or the states within would be left
//	GuardEdge, and Guard of each state      one guard of the transition
//	that the transition enters
//	guards and hooks of a child for an      the transition once more, in the child
//	edge that it inherits
//	Transition(to)                          an event for each target
//	the rules of a state replace those of   a last transition without target and guard; none
//	the state around it                     with OfferToParent
//	FromAny                                 transitions of the states that declare the edges
//	Choose                                  a transition for each target, with a guard
//	timeouts of one state and duration      delays with names of their own: those of one
//	                                        duration would be one timer
//	a Final state that is outermost         a final state: XState exits it at once and takes no
//	                                        more events; both sides start anew
//	a hook that fires, WithQueue            raise
//
// XState cannot express these pieces of a chart. The test leaves them out and counts them:
//
//   - A rule or timeout of a child along an edge that its parent declares, to a target within the
//     parent. fsm leaves the parent, which is the source; in XState the child is the source.
//   - Rules for an event that fsm does not try from the innermost state outwards. Several FromAny
//     rules can have such an order.
//   - An edge to a deep history state of P, from a state two or more levels within P. If a state
//     within P contains both the source and the remembered leaf, XState 5.33.3 enters that state
//     without having left it: see the folder findings.
//   - A rule or timeout of a state along an edge with guards or hooks of a child of that state.
//
// The test does not draw guards of states within a parent that has a history state (a guard of
// XState does not see the history), Choose with FromAny, and features of one side: writers,
// Reset, before, after and finally hooks, failing hooks; parallel states, actors, eventless
// transitions.
package xstate_test

import (
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/internal/full"
)

// The kinds of translation in the package comment.
const (
	intoSource    = "external edge into its source"
	selfOfParent  = "Self of a parent"
	staysInChild  = "a refused event is not offered to the state around"
	fromAny       = "FromAny"
	choose        = "Choose"
	equalTimeouts = "timeouts of one state and duration"
	finalState    = "final state"
	ofChild       = "guards and hooks of a child"
)

// counts are numbers of a whole run.
type counts struct {
	steps, taken int
	translated   map[string]int // by kind
	kept         map[string]int // pieces of charts, by kind
	left         map[string]int // pieces that XState cannot express, by reason
	refused      int            // pieces that Define refused
}

// add counts a piece of a chart that was drawn.
func (c *counts) add(piece string, failed error) {
	switch failed {
	case nil:
		c.kept[piece]++
	case errChild, errSource, errOrder, errEntersAgain:
		c.left[failed.Error()]++
	default:
		c.refused++
	}
}

// check fails the test if some kind of piece or translation never occurred.
func (c *counts) check(t *testing.T) {
	if c.steps < charts*steps {
		t.Errorf("%d steps were compared, want %d", c.steps, charts*steps)
	}
	for _, kind := range []string{intoSource, selfOfParent, staysInChild, fromAny, choose, equalTimeouts, finalState, ofChild} {
		if c.translated[kind] == 0 {
			t.Errorf("no chart had this: %s", kind)
		}
	}
	for _, why := range []error{errChild, errSource, errOrder, errEntersAgain} {
		if c.left[why.Error()] == 0 {
			t.Errorf("nothing was left out for this: %v", why)
		}
	}
	for _, piece := range []string{"on", "on from any", "choose", "internal", "internal from any", "ignore", "ignore from any", "offer", "offer from any", "timeout", "timeout in a circle", "final"} {
		if c.kept[piece] == 0 {
			t.Errorf("no chart had this: %s", piece)
		}
	}
}

func TestMachineAgreesWithXState(t *testing.T) {
	full.Only(t)
	xstate := newXState(t)
	counts := &counts{translated: make(map[string]int), kept: make(map[string]int), left: make(map[string]int)}
	rapid.Check(t, func(rt *rapid.T) {
		c := drawChart(rt, counts)
		plans, m := drawPlans(rt), c.translate(counts)
		var got []result
		var err error
		synctest.Test(t, func(*testing.T) { m.Steps, got, err = c.run(plans) })
		if err != nil {
			rt.Fatalf("%v\n%s", err, c)
		}
		want, err := xstate.run(m)
		if err != nil {
			rt.Fatal(err)
		}
		for i, s := range m.Steps {
			if got[i].Done && !c.bare { // XState leaves a final state at once
				got[i].Trace = append(got[i].Trace, "exit "+got[i].State)
				counts.translated[finalState]++
			}
			if diff := difference(want[i], got[i]); diff != "" {
				rt.Fatalf("step %d, %+v (-XState +fsm):\n%s\n%s", i, s, diff, c)
			}
			counts.steps++
			if got[i].Taken {
				counts.taken++
			}
		}
	})
	t.Logf("%+v", *counts)
	if flag.Lookup("rapid.checks").Value.String() == strconv.Itoa(charts) && !t.Failed() {
		counts.check(t)
	}
}

// difference compares two results. (cmp alone takes ten times as long.)
func difference(want, got result) string {
	if slices.Equal(want.Trace, got.Trace) && want.State == got.State && want.Taken == got.Taken && want.Done == got.Done {
		return ""
	}
	return cmp.Diff(want, got, cmpopts.EquateEmpty())
}

// String shows the chart for people.
func (c *chart) String() string {
	var b strings.Builder
	for s, n := range c.nodes {
		fmt.Fprintf(&b, "%d: %+v\n", s, n)
	}
	for _, e := range c.edges {
		fmt.Fprintf(&b, "%+v\n", e)
	}
	for i, r := range c.rules {
		fmt.Fprintf(&b, "rule %d: %+v\n", i, r)
	}
	fmt.Fprintf(&b, "timeouts %+v, initial %d, final %v, bare %v", c.timeouts, c.initial, c.final, c.bare)
	return b.String()
}
