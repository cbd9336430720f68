package fsm_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// localTable has an edge from running to each state within it, and to its history states.
var localTable = fsm.Table[state]{
	idle:     {running},
	running:  {starting, live, active, resumed, again, paused},
	starting: {},
	live:     {},
	warming:  {},
	active:   {},
	paused:   {idle},
	resumed:  {},
	again:    {},
}

// locally is a definition of localTable with Local rules for all edges within running.
func locally(t testing.TB, rules ...stateRule) *fsm.Definition[state] {
	t.Helper()
	local := []stateRule{fsm.Local(running, starting), fsm.Local(running, live), fsm.Local(running, active), fsm.Local(running, resumed), fsm.Local(running, again)}
	def, err := fsm.Define(idle, localTable, slices.Concat(nesting, local, rules)...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

func TestLocalTransitionStaysInItsSource(t *testing.T) {
	tests := map[string]struct {
		path []state // the last step is the one under test
		ends state
		want []string
	}{
		"to a child":         {[]state{active, starting}, starting, []string{"guard starting", "exit active", "exit live", "enter starting"}},
		"to a parent":        {[]state{active, live}, warming, []string{"guard live", "guard warming", "exit active", "exit live", "enter live", "enter warming"}},
		"to where it is":     {[]state{active, active}, active, []string{"guard live", "guard active", "exit active", "exit live", "enter live", "enter active"}},
		"shallow, never":     {[]state{active, resumed}, starting, []string{"guard starting", "exit active", "exit live", "enter starting"}},
		"deep, left earlier": {[]state{active, paused, idle, running, again}, active, []string{"guard live", "guard active", "exit starting", "enter live", "enter active"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var ran trace
			m := fsm.New(locally(t, ran.forStates(everyNested[:7]...)...))
			walk(t, m, running)
			walk(t, m, test.path[:len(test.path)-1]...)
			ran.clear()
			walk(t, m, test.path[len(test.path)-1])
			wantState(t, m, test.ends, uint64(len(test.path)+1))
			if diff := cmp.Diff(test.want, ran.lines); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLocalTransitionDoesNotRestartTheTimeoutOfItsSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, locally(t, fsm.Timeout(running, time.Minute, paused)))
		walk(t, m, running)
		for range 3 {
			later(15 * time.Second)
			walk(t, m, active)
		}
		wantAt(t, m, 15*time.Second-1, active)
		wantAt(t, m, 1, paused)
	})
}

func TestDefineRefusesLocalRules(t *testing.T) {
	tests := map[string]struct {
		rules []stateRule
		want  []string
	}{
		"unknown":       {[]stateRule{fsm.Local("x", active), fsm.Local(running, "y")}, []string{`the local rule is for "x", which is not in the table`, `the local rule is for "y", which is not in the table`}},
		"not within":    {[]stateRule{fsm.Local(running, paused), fsm.Local(running, running)}, []string{`the local rule is for "running" -> "paused", which does not lie within "running"`, `the local rule is for "running" -> "running", which does not lie within "running"`}},
		"not listed":    {[]stateRule{fsm.Local(live, active), fsm.Local(running, warming)}, []string{`the local rule is for "live" -> "active", which "live" does not list in the table`, `the local rule is for "running" -> "warming", which "running" does not list in the table`}},
		"history state": {[]stateRule{fsm.Local(again, active)}, []string{`the local rule is for "again", which is a history state`}},
		"twice":         {[]stateRule{fsm.Local(running, active), fsm.Local(running, active)}, []string{`the local rule for "running" -> "active" is given more than once`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := fsm.Define(idle, localTable, slices.Concat(nesting, test.rules)...)
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

func TestEdgesTellLocalOnes(t *testing.T) {
	for _, e := range locally(t).Edges() {
		local := e.Declared == running && e.To != paused
		if (e.Kind == fsm.EdgeLocal) != local {
			t.Errorf("%s -> %s of %s has kind %v", e.From, e.To, e.Declared, e.Kind)
		}
	}
}

func TestTextsOfEdgeKinds(t *testing.T) {
	for kind, text := range map[fsm.EdgeKind]string{fsm.EdgeExternal: "external", fsm.EdgeSelf: "self", fsm.EdgeReenter: "reenter", fsm.EdgeLocal: "local"} {
		var read fsm.EdgeKind
		written, err := kind.MarshalText()
		if err != nil || kind.String() != text || string(written) != text || read.UnmarshalText(written) != nil || read != kind {
			t.Errorf("%d is %v and %q (%v), and read as %v", kind, kind, written, err, read)
		}
	}
	none := fsm.EdgeKind(4)
	if text, err := none.MarshalText(); err == nil || none.String() != "EdgeKind(4)" {
		t.Errorf("a kind that does not exist is %v and %q", none, text)
	}
	if err := none.UnmarshalText([]byte("loop")); err == nil || none != 4 {
		t.Errorf(`"loop" is read as %v`, none)
	}
}
