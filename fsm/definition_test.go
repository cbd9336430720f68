package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestDefineReportsAllProblems(t *testing.T) {
	pass := failsWith(nil)
	tests := map[string]struct {
		initial state
		table   fsm.Table[state]
		rules   []stateRule
		want    []string
	}{
		"nil table":        {"a", nil, nil, []string{`initial state "a" is not in the table`}},
		"unknown initial":  {"x", fsm.Table[state]{"a": {}}, nil, []string{`initial state "x" is not in the table`}},
		"unknown target":   {"a", fsm.Table[state]{"a": {"b"}}, nil, []string{`"a" leads to "b", which is not in the table`}},
		"duplicate edge":   {"a", fsm.Table[state]{"a": {"b", "b"}, "b": {}}, nil, []string{`"a" leads to "b" more than once`}},
		"self edge":        {"a", fsm.Table[state]{"a": {"a"}}, nil, []string{`"a" leads to itself`}},
		"unreachable":      {"a", fsm.Table[state]{"a": {}, "b": {"a"}}, nil, []string{`"b" cannot be reached from "a"`}},
		"empty rule":       {"a", fsm.Table[state]{"a": {}}, []stateRule{{}}, []string{"a rule is empty"}},
		"nameless guard":   {"a", fsm.Table[state]{"a": {}}, []stateRule{fsm.Guard("a", "", pass)}, []string{`a guard of "a" has no name`}},
		"same guard twice": {"a", fsm.Table[state]{"a": {}}, []stateRule{fsm.Guard("a", "g", pass), fsm.Guard("a", "g", pass)}, []string{`guard "g" is given more than once for "a"`}},
		"nil functions": {"a", fsm.Table[state]{"a": {}},
			[]stateRule{fsm.Guard[state]("a", "g", nil), fsm.Before[state](nil), fsm.OnExit[state]("a", nil), fsm.OnEntry[state]("a", nil), fsm.After[state](nil), fsm.Encode[state](nil)},
			[]string{"after hook has no function", "before hook has no function", "entry hook has no function", "exit hook has no function", `guard "g" has no function`, "the encode rule has no function"}},
		"rules on unknown states": {"a", fsm.Table[state]{"a": {}},
			[]stateRule{fsm.Guard("x", "g", pass), fsm.OnExit("y", pass), fsm.OnEntry("z", pass)},
			[]string{`entry hook is for "z", which is not in the table`, `exit hook is for "y", which is not in the table`, `guard "g" is for "x", which is not in the table`}},
		"two encodings": {"a", fsm.Table[state]{"a": {}}, []stateRule{fsm.Encode(raw), fsm.Encode(raw)}, []string{"there is more than one encode rule"}},
		"everything at once": {"a", fsm.Table[state]{"a": {"b", "b", "c", "a"}, "b": {}, "d": {}},
			[]stateRule{fsm.OnEntry("d", pass), fsm.OnExit[state]("e", nil)},
			[]string{`"a" leads to "b" more than once`, `"a" leads to "c", which is not in the table`, `"a" leads to itself`, `"d" cannot be reached from "a"`,
				"exit hook has no function", `exit hook is for "e", which is not in the table`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := fsm.Define(test.initial, test.table, test.rules...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

func wantProblems(t *testing.T, none bool, err error, want ...string) {
	t.Helper()
	bad, ok := errors.AsType[*fsm.DefinitionError](err)
	if !ok || !none {
		t.Fatalf("got error %v (nil definition: %v), want a DefinitionError and a nil definition", err, none)
	}
	if diff := cmp.Diff(want, bad.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if text := "bad definition: " + strings.Join(want, "; "); err.Error() != text {
		t.Errorf("message %q, want %q", err, text)
	}
}

func raw(context.Context, fsm.Snapshot[state]) ([]byte, error) { return []byte("raw"), nil }

// sameText is a state that prints as the same text for every number.
type sameText int

func (sameText) String() string { return "twin" }

func TestDefineRefusesStatesThatPrintAlike(t *testing.T) {
	def, err := fsm.Define(sameText(1), fsm.Table[sameText]{1: {2}, 2: {}})
	wantProblems(t, def == nil, err, `2 states print as "twin": 1, 2`)
	def, err = fsm.Define(sameText(3), fsm.Table[sameText]{1: {}}) // a state that is not in the table is not counted
	wantProblems(t, def == nil, err, `initial state "twin" is not in the table`)
}

func TestDefineRefusesMoreStatesThanItCanNumber(t *testing.T) {
	table := make(fsm.Table[int])
	for i := range 65536 {
		table[i] = []int{(i + 1) % 65536}
	}
	def, err := fsm.Define(0, table)
	wantProblems(t, def == nil, err, "65536 states, more than 65535")

	delete(table, 65535)
	table[65534] = nil
	def, err = fsm.Define(-1, table)
	wantProblems(t, def == nil, err, `initial state "-1" is not in the table`)

	largest, err := fsm.Define(0, table)
	if err != nil {
		t.Fatal(err)
	}
	if !largest.Can(65533, 65534) || largest.Can(65534, 0) {
		t.Error("the largest definition does not have the edges of its table")
	}
}

func TestDefineRefusesMoreEventsAndTimeoutsThanItCanNumber(t *testing.T) {
	var rules []stateRule
	for i := range 65534 {
		rules = append(rules, fsm.Ignore(fsm.NewSignal(fmt.Sprint(i)), fsm.From(idle)))
	}
	def, err := lifecycle.With(rules...)
	wantProblems(t, def == nil, err, "65534 events, more than 65533")
	if _, err := lifecycle.With(rules[1:]...); err != nil {
		t.Error(err)
	}

	const n = 257
	table, timeouts := make(fsm.Table[int]), []fsm.Rule[int]{}
	for i := range n * n {
		if from, to := i/n, i%n; from != to {
			table[from] = append(table[from], to)
			timeouts = append(timeouts, fsm.Timeout(from, time.Hour, to))
		}
	}
	// Nothing is said about the circles of timeouts that have no number.
	defined, err := fsm.Define(0, table, append(timeouts, fsm.TimeoutCycle(slices.Sorted(maps.Keys(table))...))...)
	wantProblems(t, defined == nil, err, "65792 timeouts, more than 65535")
}

func TestMustDefinePanicsWithTheError(t *testing.T) {
	defer func() {
		err, _ := recover().(error)
		if _, ok := errors.AsType[*fsm.DefinitionError](err); !ok {
			t.Errorf("panicked with %v, want a DefinitionError", err)
		}
	}()
	fsm.MustDefine(idle, nil)
}

func TestDefinitionHasTheEdgesOfTheTable(t *testing.T) {
	if got := lifecycle.Initial(); got != idle {
		t.Errorf("initial state %v", got)
	}
	if diff := cmp.Diff([]state{idle, starting, warming, stopping, active, stopped}, lifecycle.States()); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	for _, from := range lifecycle.States() {
		if diff := cmp.Diff(table[from], lifecycle.Next(from)); diff != "" {
			t.Errorf("next of %v (-want +got):\n%s", from, diff)
		}
		for _, to := range lifecycle.States() {
			if got, want := lifecycle.Can(from, to), slices.Contains(table[from], to); got != want {
				t.Errorf("can %v -> %v: %v, want %v", from, to, got, want)
			}
		}
	}
	if lifecycle.Next("bogus") != nil || lifecycle.Can("bogus", idle) || lifecycle.Can(idle, "bogus") {
		t.Error("an unknown state has edges")
	}
}

func TestDefinitionDoesNotAliasItsArgumentsAndResults(t *testing.T) {
	mine := fsm.Table[state]{"a": {"b", "c"}, "b": {}, "c": {}}
	def := fsm.MustDefine("a", mine)
	mine["a"][0], mine["b"] = "c", []state{"a"}
	def.Next("a")[0] = "z"
	def.States()[0] = "z"

	if diff := cmp.Diff([]state{"b", "c"}, def.Next("a")); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	if !def.Can("a", "b") || def.Can("b", "a") || def.Initial() != "a" {
		t.Error("a caller changed the definition through a slice or map")
	}
}

func TestWithDoesNotChangeTheOriginal(t *testing.T) {
	first := with(t, fsm.Guard(starting, "never", failsWith(errBoom)))
	second, err := first.With(fsm.Guard(idle, "never", failsWith(errBoom)))
	if err != nil {
		t.Fatal(err)
	}
	walk(t, fsm.New(lifecycle), starting)
	wantRefusal(t, fsm.New(first).Transition(context.Background(), starting), fsm.PhaseGuard, errBoom)
	wantRefusal(t, fsm.New(second).Transition(context.Background(), starting), fsm.PhaseGuard, errBoom)
}

func TestWithChecksNewRulesAgainstEarlierRules(t *testing.T) {
	first := with(t, fsm.Encode(raw), fsm.Guard(idle, "g", failsWith(nil)))
	def, err := first.With(fsm.Encode(raw), fsm.Guard(idle, "g", failsWith(nil)), fsm.OnEntry("bogus", failsWith(nil)))
	wantProblems(t, def == nil, err,
		`entry hook is for "bogus", which is not in the table`,
		`guard "g" is given more than once for "idle"`,
		"there is more than one encode rule")
}
