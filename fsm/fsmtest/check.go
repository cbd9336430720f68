package fsmtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// Check walks machines of a definition at random and fails the test when one does
// what the definition or the order of package fsm does not allow. Events with an
// argument need an [Arg] each. It logs how many of the edges were walked, and
// which were not: guards may be in the way.
func Check[S comparable](t *testing.T, def *fsm.Definition[S], args ...Argument[S]) {
	t.Helper()
	events := arguments(t, def, args)
	probed, p := attach(t, def)
	walked := make(map[string]bool)
	rapid.Check(t, func(rt *rapid.T) {
		timeless(t, def, rt.Failed, func() {
			w := walk[S]{rt: rt, def: def, events: events, probe: p, m: fsm.New(probed), walked: walked}
			defer w.m.Close(context.Background())
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				w.step()
			}
		})
	})
	t.Log(coverage(def, walked))
}

// coverage says how many edges were walked.
func coverage[S comparable](def *fsm.Definition[S], walked map[string]bool) string {
	var all int
	var missed []string
	for from, to := range edges(def) {
		all++
		if !walked[along(from, to)] {
			missed = append(missed, fmt.Sprintf("%v -> %v", from, to))
		}
	}
	text := fmt.Sprintf("walked %d of %d edges", all-len(missed), all)
	if len(missed) > 0 {
		text += ", not " + strings.Join(missed, ", ")
	}
	return text
}

// walk is one machine on its way.
type walk[S comparable] struct {
	rt     *rapid.T
	def    *fsm.Definition[S]
	events []Argument[S]
	probe  *probe[S]
	m      *fsm.Machine[S]
	walked map[string]bool
}

// call is one call and what became of it.
type call[S comparable] struct {
	*walk[S]
	what          string
	before, after fsm.Snapshot[S]
	err           error
}

func (w *walk[S]) step() {
	before := w.m.Snapshot()
	w.probe.clear()
	calls := 9
	if len(before.Timeouts) > 0 {
		calls = 12
	}
	switch next := w.def.Next(before.State); rapid.IntRange(0, calls).Draw(w.rt, "call") {
	case 10, 11, 12:
		w.pass(before)
	case 0:
		err := w.m.Reset(context.Background(), "fsmtest")
		w.done("reset", before, err).reset()
	case 1, 2, 3:
		to := rapid.SampledFrom(w.def.States()).Draw(w.rt, "to")
		w.transition(before, to)
	case 4, 5:
		if len(next) > 0 {
			w.transition(before, rapid.SampledFrom(next).Draw(w.rt, "edge"))
		}
	default:
		e := w.events[rapid.IntRange(0, len(w.events)-1).Draw(w.rt, "event")]
		err := e.fire(w.rt, context.Background(), w.m)
		w.done(fmt.Sprintf("event %q", e.name), before, err).event(e.name)
	}
}

// pass lets time pass until something is due.
func (w *walk[S]) pass(before fsm.Snapshot[S]) {
	earlier := func(a, b fsm.PendingTimeout[S]) int { return a.Due.Compare(b.Due) }
	due := slices.SortedStableFunc(slices.Values(before.Timeouts), earlier)
	time.Sleep(time.Until(due[0].Due))
	synctest.Wait()
	c := w.done(fmt.Sprintf("timeout of %v to %v", due[0].State, due[0].To), before, w.probe.outcome)
	if len(due) > 1 && due[1].Due.Equal(due[0].Due) {
		return // which of them have done what cannot be told apart
	}
	c.timeout(due[0])
}

func (w *walk[S]) transition(before fsm.Snapshot[S], to S) {
	err := w.m.Transition(context.Background(), to)
	w.done(fmt.Sprintf("transition to %v", to), before, err).transition(to)
}

func (w *walk[S]) done(what string, before fsm.Snapshot[S], err error) *call[S] {
	return &call[S]{walk: w, what: what, before: before, after: w.m.Snapshot(), err: err}
}

func (c *call[S]) fail(format string, args ...any) {
	c.rt.Helper()
	c.rt.Fatalf("%s in %v (error: %v): %s\nran: %q", c.what, c.before.State, c.err, fmt.Sprintf(format, args...), c.probe.lines)
}

// moved reports whether a step was committed, and checks that either all of it was
// or nothing.
func (c *call[S]) moved() bool {
	switch c.after.Number {
	case c.before.Number:
		if !same(c.before, c.after) {
			c.fail("no step, but a trace: %+v, was %+v", c.after, c.before)
		}
		return false
	case c.before.Number + 1:
		last := c.after.History[len(c.after.History)-1]
		if last.From != c.before.State || last.To != c.after.State || last.Number != c.after.Number {
			c.fail("recorded as %+v, and now in %v", last, c.after.State)
		}
		for _, p := range c.after.Timeouts {
			c.want(c.def.In(c.after.State, p.State), "the timeout of %v runs in %v", p.State, c.after.State)
		}
		return true
	}
	c.fail("%d steps for one call", c.after.Number-c.before.Number)
	return false
}

func same[S comparable](a, b fsm.Snapshot[S]) bool {
	return a.State == b.State && a.Since.Equal(b.Since) && slices.Equal(a.History, b.History)
}
