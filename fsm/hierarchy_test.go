package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// The states between idle and stopped lie in running, and two of them lie in live.
const (
	running state = "running"
	live    state = "live"
	paused  state = "paused"
	resumed state = "resumed" // shallow history of running
	again   state = "again"   // deep history of running
)

var nestedTable = fsm.Table[state]{
	idle:     {running, active},
	running:  {stopped, paused},
	starting: {live},
	live:     {starting},
	warming:  {active},
	active:   {warming, running},
	paused:   {resumed, again, live},
	stopped:  {},
	resumed:  {},
	again:    {},
}

var nesting = []stateRule{
	fsm.Substates(running, starting, live),
	fsm.Substates(live, warming, active),
	fsm.ShallowHistory(resumed, running),
	fsm.DeepHistory(again, running),
}

func nested(t testing.TB, rules ...stateRule) *fsm.Definition[state] {
	t.Helper()
	def, err := fsm.Define(idle, nestedTable, slices.Concat(nesting, rules)...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// forStates returns recording rules for states.
func (l *trace) forStates(states ...state) (rules []stateRule) {
	for _, s := range states {
		rules = append(rules,
			fsm.Guard(s, "noted", l.records(fmt.Sprint("guard ", s))), fsm.OnExit(s, l.records(fmt.Sprint("exit ", s))),
			fsm.OnEntry(s, l.records(fmt.Sprint("enter ", s))))
	}
	return rules
}

var everyNested = []state{idle, running, starting, live, warming, active, paused, stopped}

func TestTransitionToAParentEndsInALeaf(t *testing.T) {
	m := fsm.New(nested(t))
	walk(t, m, running)
	wantState(t, m, starting, 1)
	walk(t, m, live)
	wantState(t, m, warming, 2)
	for s, want := range map[state]bool{warming: true, live: true, running: true, starting: false, active: false, idle: false, "x": false} {
		if m.In(s) != want {
			t.Errorf("In(%s): %v, want %v", s, m.In(s), want)
		}
	}
	if diff := cmp.Diff([]state{active, starting, stopped, paused}, m.Next()); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
}

func TestInitialStateMayBeAParent(t *testing.T) {
	def := fsm.MustDefine("a", fsm.Table[string]{"a": {"d"}, "b": {}, "c": {}, "d": {"a"}}, fsm.Substates("a", "b"), fsm.Substates("b", "c"))
	m := fsm.New(def)
	if def.Initial() != "c" || m.State() != "c" || m.Snapshot().State != "c" {
		t.Errorf("initial state %s of the definition and %s of the machine, want c", def.Initial(), m.State())
	}
	walk(t, m, "d")
	if err := m.Reset(context.Background(), "again"); err != nil || m.State() != "c" {
		t.Errorf("a reset leads to %s, %v", m.State(), err)
	}
	queued := fsm.New(def, fsm.WithQueue(1, func(context.Context, error) {}))
	if queued.State() != "c" {
		t.Errorf("initial state %s of a machine with a queue, want c", queued.State())
	}
}

// The order is that of external transitions in UML.
func TestOrderAcrossLevels(t *testing.T) {
	tests := map[string]struct {
		path   []state
		target state
		want   []string
	}{
		"into parents":          {nil, running, []string{"guard running", "guard starting", "exit idle", "enter running", "enter starting"}},
		"past an initial child": {nil, active, []string{"guard running", "guard live", "guard active", "exit idle", "enter running", "enter live", "enter active"}},
		"between children":      {[]state{active}, warming, []string{"guard warming", "exit active", "enter warming"}},
		"across a level":        {[]state{running}, live, []string{"guard live", "guard warming", "exit starting", "enter live", "enter warming"}},
		"a parent's edge":       {[]state{active}, stopped, []string{"guard stopped", "exit active", "exit live", "exit running", "enter stopped"}},
		"an inner parent's edge, inside": {[]state{active}, starting,
			[]string{"guard starting", "exit active", "exit live", "enter starting"}},
		"to the state's parent": {[]state{active}, running, []string{"guard running", "guard starting", "exit active", "exit live", "exit running", "enter running", "enter starting"}},
		"shallow history":       {[]state{active, paused}, resumed, []string{"guard running", "guard live", "guard warming", "exit paused", "enter running", "enter live", "enter warming"}},
		"deep history":          {[]state{active, paused}, again, []string{"guard running", "guard live", "guard active", "exit paused", "enter running", "enter live", "enter active"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var ran trace
			m := fsm.New(nested(t, ran.forStates(everyNested...)...))
			walk(t, m, test.path...)
			ran.lines = nil
			walk(t, m, test.target)
			if diff := cmp.Diff(test.want, ran.lines); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
		})
	}
}

// An edge from a parent to its child exits and enters the parent, as an external transition
// does. So does Reenter of a parent. Self exits nothing.
func TestEdgesOfAParentToItsChildAndItself(t *testing.T) {
	table := fsm.Table[state]{idle: {running}, running: {active}, warming: {}, active: {}}
	tests := map[string]struct {
		rule  stateRule
		to    state
		ends  state
		want  []string
		stays bool
	}{
		"child":   {stateRule{}, active, active, []string{"guard running", "guard active", "exit warming", "exit running", "enter running", "enter active"}, false},
		"reenter": {fsm.Reenter(running), running, warming, []string{"guard running", "guard warming", "exit warming", "exit running", "enter running", "enter warming"}, false},
		"self":    {fsm.Self(running), running, warming, []string{"guard running"}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var ran trace
			rules := append(ran.forStates(running, warming, active), fsm.Substates(running, warming, active))
			if name != "child" {
				rules = append(rules, test.rule)
			}
			m := fsm.New(fsm.MustDefine(idle, table, rules...))
			walk(t, m, running)
			before := m.Snapshot()
			ran.lines = nil
			walk(t, m, test.to)
			wantState(t, m, test.ends, 2)
			if diff := cmp.Diff(test.want, ran.lines); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
			if after := m.Snapshot(); after.Since.Equal(before.Since) != test.stays {
				t.Errorf("since %v, was %v", after.Since, before.Since)
			}
		})
	}
}

// A Self rule of a state does not apply to the Reenter edge of its parent.
func TestSelfAndReenterOfDifferentLevelsAreIndependent(t *testing.T) {
	def := fsm.MustDefine(running, fsm.Table[state]{running: {}, warming: {active}, active: {warming}},
		fsm.Substates(running, warming, active), fsm.Self(warming), fsm.Reenter(running))
	m := fsm.New(def)
	began := m.Snapshot().Since
	walk(t, m, warming)
	if since := m.Snapshot().Since; !since.Equal(began) {
		t.Errorf("self: since %v, want %v", since, began)
	}
	walk(t, m, running)
	if since := m.Snapshot().Since; since.Equal(began) {
		t.Error("reenter: since did not change")
	}
}

func TestHistoryStateReturnsToChildOrLeaf(t *testing.T) {
	m := fsm.New(nested(t))
	path := []struct{ target, want state }{
		{active, active}, {paused, paused}, {again, active}, // the leaf
		{starting, starting}, {paused, paused}, {again, starting}, {paused, paused}, {resumed, starting},
		{live, warming}, {active, active}, {paused, paused}, {resumed, warming}, // the child, and its first child
	}
	for i, test := range path {
		walk(t, m, test.target)
		wantState(t, m, test.want, uint64(i+1))
	}
	last := m.History()[len(path)-1]
	if last.From != paused || last.To != warming {
		t.Errorf("the history has %+v, want leaves", last)
	}
}

func TestHistoryStateOfAParentThatWasNeverExitedIsItsFirstChild(t *testing.T) {
	table := fsm.Table[state]{idle: {again}, running: {idle}, starting: {}, live: {starting}, warming: {}, again: {}}
	def := fsm.MustDefine(idle, table, fsm.Substates(running, live, starting), fsm.Substates(live, warming), fsm.DeepHistory(again, running),
		fsm.On(stop, fsm.From(running), idle))
	if m := fsm.New(def); m.Transition(context.Background(), again) != nil || m.State() != warming {
		t.Errorf("in %s, want warming", m.State())
	}
}

// A transition to a history state may itself exit the remembered parent. Its source leaf is
// then remembered.
func TestHistoryStateOfTheParentThatIsExited(t *testing.T) {
	table := fsm.Table[state]{idle: {running}, running: {again}, warming: {active}, active: {resumed}, again: {}, resumed: {}}
	def := fsm.MustDefine(idle, table, fsm.Substates(running, warming, active), fsm.DeepHistory(again, running), fsm.ShallowHistory(resumed, running))
	m := fsm.New(def)
	walk(t, m, running, active, again)
	wantState(t, m, active, 3)
	walk(t, m, resumed) // stays in running, so the memory is that of the exit before
	wantState(t, m, active, 4)
}

func TestResetClearsMemory(t *testing.T) {
	m := fsm.New(nested(t))
	walk(t, m, active, paused)
	if err := m.Reset(context.Background(), "anew"); err != nil {
		t.Fatal(err)
	}
	walk(t, m, running, paused, resumed)
	wantState(t, m, starting, 6)
	if err := m.Reset(context.Background(), "anew"); err != nil { // from a child
		t.Fatal(err)
	}
	walk(t, m, active, paused)
	if err := m.Reset(context.Background(), "anew"); err != nil {
		t.Fatal(err)
	}
}

func TestRefusedTransitionDoesNotChangeMemory(t *testing.T) {
	refuse := false
	m := fsm.New(nested(t, fsm.Before(func(context.Context, transition) error {
		if refuse {
			return errBoom
		}
		return nil
	})))
	walk(t, m, active, paused, live) // active is remembered
	refuse = true
	if err := m.Transition(context.Background(), paused); !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	refuse = false
	walk(t, m, starting, paused, again)
	wantState(t, m, starting, 6)
}

// The rules of a child replace all rules of its parent for the same event.
func TestEventRulesOfParentsHoldInTheirChildren(t *testing.T) {
	ctx, note := context.Background(), ""
	noteDo := func(s string) fsm.RuleOption[state, fsm.NoArg] {
		return fsm.Do(func(context.Context, transition, fsm.NoArg) error { note = s; return nil })
	}
	refusing := fsm.If("never", func(context.Context, transition, fsm.NoArg) error { return errBoom })
	m := fsm.New(nested(t,
		fsm.On(stop, fsm.From(running), stopped, noteDo("running")),
		fsm.Internal(stop, fsm.From(live), noteDo("live")),
		fsm.On(stop, fsm.From(active), stopped, refusing),
		fsm.On(tick, fsm.From(idle), running), fsm.On(tick, fsm.FromAny[state](), paused),
	))
	walk(t, m, active)
	if err := m.Fire(ctx, stop); !errors.Is(err, fsm.ErrVetoed) || note != "" {
		t.Errorf("in a child with a rule for the event: %v, %q ran", err, note)
	}
	walk(t, m, warming)
	if err := m.Fire(ctx, stop); err != nil || note != "live" {
		t.Errorf("in a child of live: %v, %q ran", err, note)
	}
	walk(t, m, starting)
	if events, err := m.PermittedEvents(ctx); err != nil || !slices.Equal(events, []string{"stop", "tick"}) {
		t.Errorf("events %q, %v", events, err)
	}
	if err := m.Fire(ctx, tick); err != nil || m.State() != paused {
		t.Errorf("FromAny: %v, in %s", err, m.State())
	}
	walk(t, m, live, starting)
	if err := m.Fire(ctx, stop); err != nil || note != "running" || m.State() != stopped {
		t.Errorf("in a child without a rule for the event: %v, %q ran, in %s", err, note, m.State())
	}
}

func TestEdgeRulesOfParentsHoldInTheirChildren(t *testing.T) {
	var ran trace
	def := nested(t,
		fsm.GuardEdge(running, stopped, "outer", ran.records("outer guard")), fsm.GuardEdge(active, stopped, "own", ran.records("own guard")),
		fsm.OnEdge(running, stopped, ran.records("outer edge")), fsm.OnEdge(live, stopped, ran.records("inner edge")),
	)
	m := fsm.New(def)
	walk(t, m, active, stopped)
	if diff := cmp.Diff([]string{"own guard", "outer guard", "inner edge", "outer edge"}, ran.lines); diff != "" {
		t.Errorf("ran (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"own", "outer"}, def.Guards(active, stopped)); diff != "" {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
}

// After the guard of a parent refuses, the next candidate is tried. So a rule after the
// guarded candidate can be reached.
func TestGuardOfAParentMakesTheNextCandidateReachable(t *testing.T) {
	for _, s := range []state{running, live} {
		def := nested(t, fsm.Guard(s, "g", failsWith(errBoom)), fsm.On(tick, fsm.From(paused), live), fsm.Internal(tick, fsm.From(paused)))
		m := fsm.New(def)
		if err := m.Fire(context.Background(), tick); !errors.Is(err, fsm.ErrUnhandled) {
			t.Error(err)
		}
		nested(t, fsm.Guard(active, "g", failsWith(errBoom)), fsm.On(tick, fsm.From(paused), again), fsm.Internal(tick, fsm.From(paused)))
	}
}

func TestWaitForAParentEndsInAnyOfItsLeaves(t *testing.T) {
	m := fsm.New(nested(t))
	walk(t, m, active)
	if s, err := m.Wait(context.Background(), running); s != active || err != nil {
		t.Errorf("wait returned %s, %v", s, err)
	}
	if _, err := m.Wait(context.Background(), again); !errors.Is(err, fsm.ErrUnknownState) {
		t.Errorf("wait for a history state: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(nested(t))
		met := make(chan state, 1)
		go func() { s, _ := m.Wait(t.Context(), live); met <- s }()
		synctest.Wait()
		walk(t, m, active)
		if s := <-met; s != active {
			t.Errorf("wait returned %s", s)
		}
	})
}

func TestDefinitionDescribesItsHierarchy(t *testing.T) {
	def := nested(t)
	if diff := cmp.Diff([]state{warming, active}, def.Children(live)); diff != "" || def.Children(idle) != nil || def.Children("x") != nil {
		t.Errorf("children (-want +got):\n%s", diff)
	}
	if p, ok := def.Parent(warming); p != live || !ok {
		t.Errorf("parent %s, %v", p, ok)
	}
	for _, s := range []state{idle, "x"} {
		if p, ok := def.Parent(s); ok {
			t.Errorf("parent of %s: %s", s, p)
		}
	}
	if of, deep, ok := def.HistoryState(again); of != running || !deep || !ok {
		t.Errorf("history state of %s, deep %v, %v", of, deep, ok)
	}
	for _, s := range []state{running, "x"} {
		if _, _, ok := def.HistoryState(s); ok {
			t.Errorf("%s is said to be a history state", s)
		}
	}
	paths := map[[2]state][]state{
		{idle, stopped}: {idle, running, stopped}, {idle, live}: {idle, active}, {idle, warming}: {idle, running, live},
		{active, running}: {active}, {live, active}: {live, active}, {stopped, idle}: nil, {paused, starting}: {paused, resumed},
	}
	for ends, want := range paths {
		if diff := cmp.Diff(want, def.Path(ends[0], ends[1])); diff != "" {
			t.Errorf("path of %v (-want +got):\n%s", ends, diff)
		}
	}
	if diff := cmp.Diff([]state{running, active, starting, live, stopped, paused, warming}, def.Reachable(idle)); diff != "" {
		t.Errorf("reachable (-want +got):\n%s", diff)
	}
}

// ring has an edge from each state to the next.
var ring = fsm.MustDefine(idle, fsm.Table[state]{
	idle: {starting}, starting: {warming}, warming: {active}, active: {stopping}, stopping: {stopped}, stopped: {idle},
})

func TestDefineRefusesHierarchies(t *testing.T) {
	within, shallow := fsm.Substates[state], fsm.ShallowHistory[state]
	tests := map[string]struct {
		rules []stateRule
		want  []string
	}{
		"unknown":        {[]stateRule{within("x", idle), within(idle, "y"), shallow("z", idle), shallow(idle, "z")}, []string{`the history rule is for "z", which is not in the table`, `the substates rule is for "x", which is not in the table`, `the substates rule is for "y", which is not in the table`}},
		"nothing within": {[]stateRule{within(idle)}, []string{`nothing is said to be within "idle"`}},
		"itself":         {[]stateRule{within(warming, warming)}, []string{`"warming" is within "warming", which is within it`}},
		"circle":         {[]stateRule{within(warming, active), within(active, stopping), within(stopping, warming)}, []string{`"warming" is within "stopping", which is within it`}},
		"two parents":    {[]stateRule{within(warming, active), within(stopping, active)}, []string{`"active" is within both "warming" and "stopping"`}},
		"twice":          {[]stateRule{within(warming, active, active), within(warming, stopping)}, []string{`"active" is said to be within "warming" more than once`, `there is more than one substates rule for "warming"`}},
		"history of a leaf": {[]stateRule{shallow(stopped, active)},
			[]string{`history state "stopped" is of "active", which has nothing within it`, `history state "stopped" leads to idle, but stands for another state`}},
		"history with itself": {[]stateRule{within(warming, active), shallow(idle, warming), shallow(idle, warming)},
			[]string{`history state "idle" cannot be the initial one`, `history state "idle" leads to starting, but stands for another state`, `there is more than one history rule for "idle"`}},
		"history inside": {[]stateRule{within(warming, active), shallow(active, warming)},
			[]string{`history state "active" cannot lie within another, nor another within it`, `history state "active" leads to stopping, but stands for another state`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := ring.With(test.rules...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

func TestDefineRefusesRulesInAHierarchy(t *testing.T) {
	pass := failsWith(nil)
	tests := map[string]struct {
		rules []stateRule
		want  []string
	}{
		"rules for a history state": {[]stateRule{fsm.Guard(again, "g", pass), fsm.OnEntry(again, pass), fsm.On(stop, fsm.From(again), idle), fsm.Final(stopped, again)},
			[]string{`entry hook is for "again", which is a history state`, `event "stop" from ["again"] names "again", which is a history state`, `guard "g" is for "again", which is a history state`, `the final rule is for "again", which is a history state`}},
		"self of a history state": {[]stateRule{fsm.Self(again)}, []string{`the self rule is for "again", which is a history state`}},
		"applies nowhere": {[]stateRule{fsm.Ignore(stop, fsm.From(live)), fsm.Ignore(stop, fsm.From(warming)), fsm.Ignore(stop, fsm.From(active))},
			[]string{`event "stop" from ["live"] applies nowhere`}},
		"not an edge of the parent": {[]stateRule{fsm.On(stop, fsm.From(live), active)}, []string{`event "stop" leads from "live" to "active", which the table does not`}},
		"said once for all within":  {[]stateRule{fsm.Ignore(stop, fsm.From(running)), fsm.Internal(stop, fsm.From(running))}, []string{`event "stop" is ignored in "running", and has another rule there`}},
		"final parent":              {[]stateRule{fsm.Final(stopped, live)}, []string{`"live" is final, but has others within it`}},
		"listed again":              {[]stateRule{fsm.Reenter(running)}, []string{`"active" leads to "running", and so does "running" around it`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := fsm.Define(idle, nestedTable, slices.Concat(nesting, test.rules)...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

// An edge is ambiguous if a state and a state around it both list the target.
func TestDefineRefusesAnEdgeOfTwoLevels(t *testing.T) {
	def, err := lifecycle.With(fsm.Substates(starting, warming), fsm.Substates(warming, active))
	wantProblems(t, def == nil, err, `"active" leads to "stopping", and so does "starting" around it`, `"active" leads to "stopping", and so does "warming" around it`,
		`"warming" leads to "idle", and so does "starting" around it`, `"warming" leads to "stopping", and so does "starting" around it`)
}

func TestFinalNamesLeaves(t *testing.T) {
	table := fsm.Table[string]{"a": {"b"}, "b": {}, "c": {"d"}, "d": {}}
	within := fsm.Substates("b", "c", "d")
	if _, err := fsm.Define("a", table, within, fsm.Final("d")); err != nil {
		t.Error(err)
	}
	def, err := fsm.Define("a", table, within, fsm.Final("b"))
	wantProblems(t, def == nil, err, `"b" is final, but has others within it`, `"d" is a dead end, and not final`)
}

// A state that no transition enters is unreachable, even if its parent is reachable.
func TestDefineFindsUnreachableStatesInAHierarchy(t *testing.T) {
	table := fsm.Table[string]{"a": {"b"}, "b": {}, "c": {}, "d": {}, "e": {"h"}, "f": {}, "h": {}}
	def, err := fsm.Define("a", table, fsm.Substates("b", "c", "d"), fsm.Substates("e", "f"), fsm.DeepHistory("h", "b"))
	wantProblems(t, def == nil, err, `"d" cannot be reached from "a"`, `"e" cannot be reached from "a"`, `"f" cannot be reached from "a"`, `"h" cannot be reached from "a"`)
}
