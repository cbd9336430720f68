package fsm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// poll is a machine that polls once a second and has no other edge.
var poll = fsm.MustDefine(idle, fsm.Table[state]{idle: {}},
	fsm.Reenter(idle), fsm.Timeout(idle, time.Second, idle), fsm.TimeoutCycle(idle))

func TestTimeoutCycleGoesRoundAtItsPeriod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var polled []time.Duration
		began := time.Now()
		m, _ := timed(t, derived(t, poll, fsm.OnEntry(idle, func(context.Context, transition) error {
			polled = append(polled, time.Since(began))
			return nil
		})))
		later(3500 * time.Millisecond)
		if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 3 * time.Second}, polled); diff != "" {
			t.Errorf("polled (-want +got):\n%s", diff)
		}
		wantState(t, m, idle, 3)
	})
}

// The next period begins with the transition of the last, however late that is: periods that
// pass while the machine is busy are not made up for.
func TestPeriodsThatPassDuringAChangeFireOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := timed(t, derived(t, poll, fsm.Internal(tick, fsm.From(idle), fsm.Do(func(context.Context, transition, fsm.NoArg) error {
			time.Sleep(10 * time.Second)
			return nil
		}))))
		began := time.Now()
		later(200 * time.Millisecond)
		if err := m.Fire(context.Background(), tick); err != nil { // until 10.2 s
			t.Fatal(err)
		}
		later(0)
		wantState(t, m, idle, 1)
		later(1900 * time.Millisecond)
		wantState(t, m, idle, 2)
		for i, tr := range m.History() {
			if at := tr.At.Sub(began); at != 10200*time.Millisecond+time.Duration(i)*time.Second {
				t.Errorf("transition %d was made after %v", i+1, at)
			}
		}
	})
}

func TestPeriodsThatPassBeforeARestoreFireOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(poll)
		later(1500 * time.Millisecond)
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(m.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		later(10 * time.Second)
		snapshot, err := fsm.DecodeSnapshot[state](data)
		if err != nil {
			t.Fatal(err)
		}
		again, err := fsm.Restore(poll, snapshot)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close(context.Background())
		later(999 * time.Millisecond)
		wantState(t, again, idle, 2)
		later(time.Millisecond)
		wantState(t, again, idle, 3)
	})
}

func TestDefineComparesTimeoutCyclesWithTheirRule(t *testing.T) {
	table := fsm.Table[string]{"a": {"b"}, "a1": {"a2"}, "a2": {}, "b": {"a"}, "c": {"a"}}
	rules := []fsm.Rule[string]{fsm.Substates("a", "a1", "a2"), fsm.Timeout("a", time.Second, "b"), fsm.Timeout("a1", time.Second, "a2"), fsm.Timeout("b", time.Second, "a"), fsm.Timeout("c", time.Second, "a")}
	const refused = "nothing but timeouts leads from %s: they would go round for ever; if that is meant, add a TimeoutCycle rule"
	tests := map[string]struct {
		cycle []fsm.Rule[string]
		want  []string
	}{
		"all leaves":    {[]fsm.Rule[string]{fsm.TimeoutCycle("a1", "a2"), fsm.TimeoutCycle("b")}, nil},
		"a parent":      {[]fsm.Rule[string]{fsm.TimeoutCycle("a", "b")}, nil},
		"not all":       {[]fsm.Rule[string]{fsm.TimeoutCycle("a1", "b")}, []string{fmt.Sprintf(refused, "a2")}},
		"on no circle":  {[]fsm.Rule[string]{fsm.TimeoutCycle("a", "b", "c")}, []string{`the timeout cycle rule names "c", which is on no circle that only timeouts leave`}},
		"unknown":       {[]fsm.Rule[string]{fsm.TimeoutCycle("a", "b", "x")}, []string{`the timeout cycle rule is for "x", which is not in the table`}},
		"without state": {[]fsm.Rule[string]{fsm.TimeoutCycle("a", "b"), fsm.TimeoutCycle[string]()}, []string{"the timeout cycle rule names no state"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			def, err := fsm.Define("c", table, append(rules, test.cycle...)...)
			if test.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantProblems(t, def == nil, err, test.want...)
		})
	}
}

// A Self rule does not start the timeout again, so it makes no circle.
func TestTimeoutToItselfBySelfIsNoCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := []stateRule{fsm.Self(idle), fsm.Timeout(idle, time.Second, idle)}
		m, _ := timed(t, fsm.MustDefine(idle, fsm.Table[state]{idle: {}}, rules...))
		later(time.Minute)
		wantState(t, m, idle, 1)
		_, err := fsm.Define(idle, fsm.Table[state]{idle: {}}, append(rules, fsm.TimeoutCycle(idle))...)
		wantProblems(t, true, err, `the timeout cycle rule names "idle", which is on no circle that only timeouts leave`)
	})
}

// derived is a definition with more rules.
func derived(t *testing.T, def *fsm.Definition[state], rules ...stateRule) *fsm.Definition[state] {
	t.Helper()
	def, err := def.With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// A timeout that a timeout starts waits for the call that has the turn, however many others run.
func TestCallComesBeforeTheNextRoundOfACircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		periods := []time.Duration{time.Second, 0, 0, time.Hour}
		next := func(context.Context, transition) (d time.Duration) {
			d, periods = periods[0], periods[1:]
			return d
		}
		var m *fsm.Machine[state]
		var numbers []uint64
		m = fsm.New(fsm.MustDefine(warming,
			fsm.Table[state]{active: {stopped}, warming: {}, stopped: {}},
			fsm.Substates(active, warming), fsm.Reenter(warming), fsm.TimeoutCycle(warming),
			fsm.TimeoutFunc(warming, "next", next, warming),
			fsm.Timeout(active, time.Hour, stopped),
			fsm.Internal(tick, fsm.From(warming), fsm.Do(func(context.Context, transition, fsm.NoArg) error {
				numbers = append(numbers, m.Snapshot().Number)
				time.Sleep(2 * time.Second)
				return nil
			}))))
		first := start(func() error { return m.Fire(context.Background(), tick) })
		second := start(func() error { return m.Fire(context.Background(), tick) }) // waits ahead of the timeout
		for _, result := range []<-chan error{first, second} {
			if err := <-result; err != nil {
				t.Error(err)
			}
		}
		if diff := cmp.Diff([]uint64{0, 1}, numbers); diff != "" {
			t.Errorf("transitions before each call (-want +got):\n%s", diff)
		}
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
