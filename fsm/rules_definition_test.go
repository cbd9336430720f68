package fsm_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestDefineRefusesEventsAndEdges(t *testing.T) {
	pass := failsWith(nil)
	guarded, twice := fsm.If("disk", bootable), fsm.On(boot, fsm.From(idle), starting)
	tests := map[string]struct {
		rules []stateRule
		want  []string
	}{
		"no source":         {[]stateRule{fsm.On(boot, fsm.From[state](), starting)}, []string{`event "boot" from [] has no source`}},
		"empty event":       {[]stateRule{fsm.On(fsm.Event[disk]{}, fsm.From(idle), starting)}, []string{"an event is empty: events come from NewEvent"}},
		"nameless event":    {[]stateRule{fsm.On(fsm.NewSignal(""), fsm.From(idle), starting)}, []string{"an event has no name"}},
		"name of no text":   {[]stateRule{fsm.On(fsm.NewSignal("boot\xff"), fsm.From(idle), starting)}, []string{`the name of event "boot\xff" is not UTF-8`}}, // JSON would make another name of it
		"namesakes":         {[]stateRule{fsm.On(boot, fsm.From(idle), starting), fsm.On(fsm.NewSignal("boot"), fsm.From(starting), idle)}, []string{`2 events are called "boot"`}},
		"unknown states":    {[]stateRule{fsm.On(boot, fsm.From[state](idle, "x"), "y"), fsm.Ignore(stop, fsm.From[state]("z"))}, []string{`event "boot" from ["idle" "x"] names "x", which is not in the table`, `event "boot" from ["idle" "x"] names "y", which is not in the table`, `event "stop" from ["z"] names "z", which is not in the table`}},
		"not an edge":       {[]stateRule{fsm.On(boot, fsm.From(idle, starting), active)}, []string{`event "boot" leads from "idle" to "active", which the table does not`, `event "boot" leads from "starting" to "active", which the table does not`}},
		"implicit self":     {[]stateRule{fsm.On(boot, fsm.From(idle), idle)}, []string{`event "boot" leads from "idle" to "idle", which the table does not`}},
		"source twice":      {[]stateRule{fsm.On(boot, fsm.From(idle, idle), starting)}, []string{`event "boot" from ["idle" "idle"] names "idle" more than once`}},
		"given twice":       {[]stateRule{fsm.On(boot, fsm.From(idle), starting), fsm.On(boot, fsm.From(idle), starting)}, []string{`event "boot" to starting is given more than once for "idle"`}},
		"one rule twice":    {[]stateRule{twice, twice}, []string{`event "boot" to starting is given more than once for "idle"`}},
		"never reached":     {[]stateRule{fsm.On(boot, fsm.From(starting), warming), fsm.On(boot, fsm.From(starting), idle, guarded), fsm.Internal(boot, fsm.From(starting))}, []string{`event "boot" is never reached in "starting": the rule before it has no guard`, `event "boot" to idle is never reached in "starting": the rule before it has no guard`}},
		"wildcard overlap":  {[]stateRule{fsm.On(stop, fsm.FromAny[state](), stopped), fsm.Internal(stop, fsm.FromAny[state]())}, []string{`event "stop" is never reached in "stopping": the rule before it has no guard`}},
		"wildcard nowhere":  {[]stateRule{fsm.On(stop, fsm.FromAny[state](), stopped), fsm.Ignore(stop, fsm.From(stopping))}, []string{`event "stop" from any state to stopped applies nowhere`}},
		"ignored, handled":  {[]stateRule{fsm.On(stop, fsm.From(idle), starting), fsm.Ignore(stop, fsm.From(idle))}, []string{`event "stop" is ignored in "idle", and has another rule there`}},
		"choice of nothing": {[]stateRule{fsm.Choose[state, string](route, fsm.From(idle), nil, nil)}, []string{`event "route" from ["idle"]: the choice has no function`, `event "route" from ["idle"]: the choice has no targets`}},
		"choice not edges":  {[]stateRule{fsm.Choose(route, fsm.From(idle), toName, []state{starting, active, active})}, []string{`event "route" from ["idle"] may choose "active" more than once`, `event "route" leads from "idle" to "active", which the table does not`}},
		"bad details": {[]stateRule{fsm.On(boot, fsm.From(idle), starting, fsm.If[state, disk]("", nil), guarded, guarded, fsm.Do[state, disk](nil))},
			[]string{`event "boot" from ["idle"]: a Do has no function`, `event "boot" from ["idle"]: a guard has no name`, `event "boot" from ["idle"]: guard "" has no function`, `event "boot" from ["idle"]: guard "disk" is given more than once`}},
		"rules of no edge": {[]stateRule{fsm.OnEdge(idle, active, pass), fsm.GuardEdge(idle, idle, "g", pass), fsm.OnEdge("x", idle, pass), fsm.GuardEdge(idle, "y", "h", pass)},
			[]string{`edge hook is for "idle" -> "active", which is not in the table`, `edge hook is for "x", which is not in the table`, `guard "g" is for "idle" -> "idle", which is not in the table`, `guard "h" is for "y", which is not in the table`}},
		"bad edge rules": {[]stateRule{fsm.OnEdge(idle, starting, nil), fsm.GuardEdge(idle, starting, "", pass), fsm.GuardEdge(starting, idle, "g", pass), fsm.GuardEdge(starting, idle, "g", pass)},
			[]string{`a guard of "idle" -> "starting" has no name`, "edge hook has no function", `guard "g" is given more than once for "starting" -> "idle"`}},
		"self and reenter":   {[]stateRule{fsm.Self(idle), fsm.Reenter(idle), fsm.Self(active), fsm.Self(active), fsm.Reenter[state]("x")}, []string{`"idle" has both a self and a reenter rule`, `the reenter rule is for "x", which is not in the table`, `the self rule for "active" is given more than once`}},
		"no code":            {[]stateRule{fsm.Finally[state](nil), fsm.OnUnhandled[state](nil)}, []string{"finally hook has no function", "unhandled hook has no function"}},
		"unhandled twice":    {[]stateRule{fsm.OnUnhandled(nothing), fsm.OnUnhandled(nothing)}, []string{"there is more than one unhandled hook"}},
		"ends":               {[]stateRule{fsm.Final(active), fsm.Final[state]("x")}, []string{`"active" is final, but leads to stopping`, `the final rule is for "x", which is not in the table`}},
		"final without name": {[]stateRule{fsm.Final[state]()}, []string{"the final rule names no state"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := lifecycle.With(test.rules...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

// nothing is an OnUnhandled hook.
func nothing(context.Context, *fsm.EventError[state]) error { return nil }

func TestFinalRuleReportsDeadEnds(t *testing.T) {
	table := fsm.Table[state]{"a": {"b", "c", "d", "end"}, "b": {"c"}, "c": {"b"}, "d": {}, "end": {}}
	def, err := fsm.Define("a", table, fsm.Final[state]("end"))
	wantProblems(t, def == nil, err, `"b" leads to no final state`, `"c" leads to no final state`, `"d" is a dead end, and not final`)
	if _, err := fsm.Define("a", table); err != nil {
		t.Errorf("without a Final rule, every state may have no edges: %v", err)
	}
	if _, err := fsm.Define("a", fsm.Table[state]{"a": {"b"}, "b": {"a", "end"}, "end": {}}, fsm.Final[state]("end")); err != nil {
		t.Error(err)
	}
	// Nothing more is said of the children of a parent that the rule names.
	def, err = fsm.Define("p", fsm.Table[state]{"p": {}, "c": {}}, fsm.Substates[state]("p", "c"), fsm.Self[state]("p"), fsm.Final[state]("p"))
	wantProblems(t, def == nil, err, `"p" is final, but has others within it`)
}

// If a guard of the rule, the edge or the target refuses, the next candidate is tried.
func TestGuardsOfEdgeAndTargetMakeTheNextCandidateReachable(t *testing.T) {
	pass := failsWith(nil)
	for name, rule := range map[string]stateRule{"target": fsm.Guard(warming, "g", pass), "edge": fsm.GuardEdge(starting, warming, "g", pass)} {
		if _, err := lifecycle.With(fsm.On(boot, fsm.From(starting), warming), fsm.On(boot, fsm.From(starting), idle), rule); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPathIsShortestAndReachableIsComplete(t *testing.T) {
	def := fsm.MustDefine("a", fsm.Table[string]{"a": {"b", "c"}, "b": {"d"}, "c": {"d", "e"}, "d": {"a"}, "e": {"f"}, "f": {}}, fsm.Self("e"))
	paths := []struct {
		from, to string
		want     []string
	}{
		{"a", "a", []string{"a"}}, {"a", "d", []string{"a", "b", "d"}}, {"b", "f", []string{"b", "d", "a", "c", "e", "f"}},
		{"e", "e", []string{"e"}}, {"f", "a", nil}, {"e", "a", nil}, {"x", "a", nil}, {"a", "x", nil},
	}
	for _, p := range paths {
		if diff := cmp.Diff(p.want, def.Path(p.from, p.to)); diff != "" {
			t.Errorf("path from %s to %s (-want +got):\n%s", p.from, p.to, diff)
		}
	}
	for from, want := range map[string][]string{"a": {"a", "b", "c", "d", "e", "f"}, "e": {"e", "f"}, "f": nil, "x": nil} {
		if diff := cmp.Diff(want, def.Reachable(from)); diff != "" {
			t.Errorf("reachable from %s (-want +got):\n%s", from, diff)
		}
	}
}

func TestReactionsListEveryRuleByState(t *testing.T) {
	def := with(t, everyRule()...)
	want := []fsm.Reaction[state]{
		{Event: "boot", From: idle, To: []state{starting}, Guards: []string{"has a disk"}},
		{Event: "stop", From: starting, To: []state{stopping}},
		{Event: "route", From: starting, To: []state{warming, idle}},
		{Event: "stop", From: warming, To: []state{stopping}},
		{Event: "tick", From: warming, To: []state{warming}},
		{Event: "stop", From: stopping, Ignored: true},
		{Event: "stop", From: active, To: []state{stopping}},
		{Event: "tick", From: active, Guards: []string{"due"}, Internal: true},
		{Event: "stop", From: stopped, Ignored: true},
	}
	if diff := cmp.Diff(want, def.Reactions()); diff != "" {
		t.Errorf("reactions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"boot", "stop", "route", "tick"}, def.Events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if got := def.Signals(); len(got) != 2 || got[0] != stop || got[1] != tick || got[0].Name() != "stop" || (fsm.Signal{}).Name() != "" {
		t.Errorf("signals %v", got)
	}
	if diff := cmp.Diff([]string{"feed is fresh"}, def.Guards(warming, active)); diff != "" || def.Guards("x", idle) != nil || def.Guards(idle, active) != nil {
		t.Errorf("guards (-want +got):\n%s", diff)
	}
}

func TestReactionsDoNotAliasTheDefinition(t *testing.T) {
	def := with(t, fsm.Choose(route, fsm.FromAny[state](), toName, []state{stopping, idle}))
	first := def.Reactions()
	first[0].To[0] = "mine"
	if diff := cmp.Diff([]fsm.Reaction[state]{
		{Event: "route", From: starting, To: []state{stopping, idle}},
		{Event: "route", From: warming, To: []state{stopping, idle}},
		{Event: "route", From: active, To: []state{stopping}},
		{Event: "route", From: stopped, To: []state{idle}},
	}, def.Reactions()); diff != "" {
		t.Errorf("reactions (-want +got):\n%s", diff)
	}
}

// everyRule returns rules of every kind that a drawing shows.
func everyRule() []stateRule {
	pass := failsWith(nil)
	return []stateRule{
		fsm.On(boot, fsm.From(idle), starting, fsm.If("has a disk", bootable)),
		fsm.On(stop, fsm.FromAny[state](), stopping),
		fsm.Ignore(stop, fsm.From(stopping, stopped)),
		fsm.Choose(route, fsm.From(starting), toName, []state{warming, idle}),
		fsm.Internal(tick, fsm.From(active), fsm.If("due", silent)),
		fsm.On(tick, fsm.From(warming), warming),
		fsm.Reenter(warming), fsm.Self(active),
		fsm.Guard(active, "feed is fresh", pass),
		fsm.GuardEdge(stopped, idle, "cool", pass),
	}
}
