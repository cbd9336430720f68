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

// historyCap is the cap of the history of a machine in Check. The checks read the last
// entry.
const historyCap = 50

// Check makes random calls on machines of a definition. It fails the test when the result
// of a call contradicts the definition or the order of package fsm. Each event with an
// argument needs an [Arg]. Check logs how many edges the machines took, and which edges
// they did not take: guards may refuse them.
func Check[S comparable](t *testing.T, def *fsm.Definition[S], settings ...Setting[S]) {
	t.Helper()
	c := configure(t, def, settings)

	// Check also fires all signals, and an event that the definition does not know.
	for _, s := range append(def.Signals(), fsm.NewSignal("")) {
		c.events = append(c.events, event[S]{s.Name(), func(_ *rapid.T, ctx context.Context, m *fsm.Machine[S]) error { return m.Fire(ctx, s) }})
	}
	for _, name := range def.Events() {
		if !slices.ContainsFunc(c.events, func(e event[S]) bool { return e.name == name }) {
			t.Fatalf("fsmtest: event %q needs an argument: pass an Arg for it", name)
		}
	}

	probed, p := attach(t, def)
	options := append(c.options, fsm.WithHistory(historyCap))
	taken := make(map[string]bool)
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, def, rt.Failed, func() {
			w := walk[S]{rt: rt, def: def, events: c.events, probe: p, machine: fsm.New(probed, options...), taken: taken}
			defer w.machine.Close(context.Background())
			for range rapid.IntRange(1, 60).Draw(rt, "calls") {
				w.call()
			}
		})
	})

	var all int
	var missed []string
	for from, to := range edges(def) {
		all++
		if !taken[edgeLine(from, to)] {
			missed = append(missed, fmt.Sprintf("%v -> %v", from, to))
		}
	}
	coverage := fmt.Sprintf("took %d of %d edges", all-len(missed), all)
	if len(missed) > 0 {
		coverage += ", not " + strings.Join(missed, ", ")
	}
	t.Log(coverage)
}

// walk is a sequence of random calls on one machine.
type walk[S comparable] struct {
	rt      *rapid.T
	def     *fsm.Definition[S]
	events  []event[S]
	probe   *probe[S]
	machine *fsm.Machine[S]
	taken   map[string]bool // by edgeLine; shared by all walks of a Check
}

// call draws one call, makes it and checks its result. While timeouts run it may instead
// let time pass until the next one is due.
func (w *walk[S]) call() {
	ctx := context.Background()
	before := w.machine.Snapshot()
	w.probe.take()
	made := func(name string, err error) *result[S] {
		return &result[S]{walk: w, call: name, before: before, after: w.machine.Snapshot(), err: err, trace: w.probe.take()}
	}
	transition := func(to S) {
		err := w.machine.Transition(ctx, to)
		made(fmt.Sprintf("transition to %v", to), err).checkTransition(to)
	}
	calls := 9
	if len(before.Timeouts) > 0 {
		calls = 12
	}
	switch next := w.def.Next(before.State); rapid.IntRange(0, calls).Draw(w.rt, "call") {
	case 0:
		r := made("reset", w.machine.Reset(ctx, "fsmtest"))
		r.want(r.moved() && r.err == nil && r.after.State == w.def.Initial(), "a reset leads to %v", w.def.Initial())
		r.wantRan()
	case 1, 2, 3:
		transition(rapid.SampledFrom(w.def.States()).Draw(w.rt, "to"))
	case 4, 5:
		if len(next) > 0 {
			transition(rapid.SampledFrom(next).Draw(w.rt, "edge"))
		}
	case 10, 11, 12:
		earlier := func(a, b fsm.PendingTimeout[S]) int { return a.Due.Compare(b.Due) }
		due := slices.SortedStableFunc(slices.Values(before.Timeouts), earlier)
		time.Sleep(time.Until(due[0].Due))
		synctest.Wait()
		if len(due) > 1 && due[1].Due.Equal(due[0].Due) {
			return // the trace does not tell which of the timeouts fired
		}
		r := made(fmt.Sprintf("timeout of %v to %v", due[0].State, due[0].To), nil)
		r.err = r.outcome // a timeout has no caller
		r.checkTimeout(due[0])
	default:
		e := rapid.SampledFrom(w.events).Draw(w.rt, "event")
		err := e.fire(w.rt, ctx, w.machine)
		made(fmt.Sprintf("event %q", e.name), err).checkEvent(e.name)
	}
}
