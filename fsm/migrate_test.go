package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// A version of an order's definition that names its states otherwise, tells two kinds of
// packing apart and has no review.
func ExampleMigrate() {
	submit, ship := fsm.NewSignal("submit"), fsm.NewSignal("ship")
	v2 := fsm.MustDefine("draft", fsm.Table[string]{
		"draft":         {"packing small", "packing large"},
		"packing small": {"sent"},
		"packing large": {"sent"},
		"sent":          {},
	}, fsm.On(submit, fsm.From("draft"), "packing small"), fsm.On(ship, fsm.From("packing small", "packing large"), "sent"))

	// The states of version 1 were new, review, packing and sent.
	const stored = `{"version":1,"table":"0123456789abcdef","state":"packing","since":"2026-01-02T03:06:05Z","number":2,
		"history":[{"number":1,"from":"new","to":"review","event":"order","at":"2026-01-02T03:04:05Z"},
			{"number":2,"from":"review","to":"packing","at":"2026-01-02T03:06:05Z","cause":"12 parcels"}],
		"timeouts":[{"state":"packing","to":"sent","due":"2026-01-03T03:06:05Z"}]}`
	old, err := fsm.DecodeSnapshot[string]([]byte(stored))
	if err != nil {
		panic(err)
	}
	_, err = fsm.Migrate(v2, old, fsm.Migration[string, string]{})
	fmt.Println(err)

	s, err := fsm.Migrate(v2, old, fsm.Migration[string, string]{
		States: map[string]string{"new": "draft", "review": "draft"},
		Split: func(s fsm.Snapshot[string]) (string, bool) {
			if s.State != "packing" {
				return "", false
			}
			if n := len(s.History); n > 0 && s.History[n-1].Cause == "12 parcels" {
				return "packing large", true
			}
			return "packing small", true
		},
		Events:      map[string]string{"order": "submit"},
		DropTimeout: func(p fsm.PendingTimeout[string]) bool { fmt.Println("dropped the timeout to", p.To); return true },
	})
	if err != nil {
		panic(err)
	}
	m, err := fsm.Restore(v2, s)
	if err != nil {
		panic(err)
	}
	for _, t := range m.History() {
		fmt.Printf("%d %s -> %s by %q\n", t.Number, t.From, t.To, t.Event)
	}
	fmt.Println(m.Fire(context.Background(), ship), m.State())
	// Output:
	// bad snapshot: state: "packing" is neither in the table nor in the migration; history: "new" is neither in the table nor in the migration; history: "review" is neither in the table nor in the migration; history: event "order" is unknown; timeouts: "packing" is neither in the table nor in the migration
	// dropped the timeout to sent
	// 1 draft -> draft by "submit"
	// 2 draft -> packing large by ""
	// <nil> sent
}

// All that does not fit is listed in one error.
func TestMigrateListsAllThatDoesNotFit(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	old := fsm.Snapshot[string]{
		Table: "old", State: "hot", Since: at, Number: 3,
		History:       []fsm.Transition[string]{{Number: 1, From: "off", To: "on", At: at, Event: "push"}, {Number: 2, From: "on", To: "off", At: at, Event: "pull"}, {Number: 3, From: "off", To: "hot", At: at}},
		Timeouts:      []fsm.PendingTimeout[string]{{State: "hot", To: "off", Due: at}, {State: "box", To: "idle", Due: at}},
		HistoryStates: []fsm.HistoryState[string]{{Parent: "box", Last: "on"}, {Parent: "running", Last: "idle"}, {Parent: "live", Last: "lost"}},
	}
	s, err := fsm.Migrate(withEveryFeature(t), old, fsm.Migration[string, state]{
		States: map[string]state{"hot": running, "gone": "nowhere"},
		Split:  func(s fsm.Snapshot[string]) (state, bool) { return "elsewhere", s.State == "on" },
		Events: map[string]string{"pull": "stop", "push": "turn"},
	})
	want := []string{
		`migration: "gone" becomes "nowhere", which is not in the table`,
		`state: no machine can be in "running" itself`,
		`history: "off" is neither in the table nor in the migration`,
		`history: Split returned "elsewhere", which is not in the table`,
		`history: event "turn" is unknown`,
		`timeouts: "off" is neither in the table nor in the migration`,
		`timeouts: "box" is neither in the table nor in the migration`,
		`history states: "box" is neither in the table nor in the migration`,
		`history states: "on" is neither in the table nor in the migration`,
		`history states: "idle" does not lie within "running"`,
	}
	bad, ok := errors.AsType[*fsm.SnapshotError](err)
	if !ok || s.State != "" {
		t.Fatalf("got %+v, %v", s, err)
	}
	if diff := cmp.Diff(want, bad.Problems); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// Removed states, events and timeouts leave a snapshot that can be restored.
func TestMigrateDropsWhatTheDefinitionDoesNotHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := usedMachine(t, withEveryFeature(t))
		old := m.Snapshot()
		var asked int
		drop := func(fsm.PendingTimeout[state]) bool { asked++; return true }
		s, err := fsm.Migrate(lifecycle, old, fsm.Migration[state, state]{
			States:      map[state]state{paused: idle, live: active, running: active},
			Events:      map[string]string{"boot": "", "stop": ""},
			DropTimeout: drop,
		})
		if err != nil {
			t.Fatal(err)
		}
		on := restored(t, lifecycle, transferred(t, s))
		want := old
		want.Table, want.Timeouts, want.HistoryStates, want.History = lifecycle.Fingerprint(), nil, nil, append([]transition(nil), old.History...)
		for i := range want.History {
			e := &want.History[i]
			e.Event = ""
			for _, s := range []*state{&e.From, &e.To} {
				if *s == paused {
					*s = idle
				}
			}
		}
		if diff := cmp.Diff(want, on.Snapshot()); diff != "" || asked != len(old.Timeouts) {
			t.Errorf("asked about %d timeouts; (-want +restored):\n%s", asked, diff)
		}
		walk(t, on, stopping)
	})
}

// A snapshot of the definition's own table keeps its states, and one of a machine that was not
// started is in the new initial state.
func TestMigrateKeepsSnapshotsOfItsOwnTable(t *testing.T) {
	m := fsm.New(lifecycle)
	walk(t, m, starting)
	change := fsm.Migration[state, state]{States: map[state]state{starting: warming}, Split: func(snapshot) (state, bool) { return active, true }}
	s, err := fsm.Migrate(lifecycle, m.Snapshot(), change)
	if diff := cmp.Diff(m.Snapshot(), s); diff != "" || err != nil {
		t.Errorf("%v; (-want +got):\n%s", err, diff)
	}
	unstarted := fsm.New(nested(t), fsm.WithManualStart()).Snapshot()
	unstarted.State = "before"
	s, err = fsm.Migrate(lifecycle, unstarted, fsm.Migration[state, state]{})
	if err != nil || !s.Unstarted || s.State != idle {
		t.Errorf("unstarted: %+v, %v", s, err)
	}
	wantRefusal(t, restored(t, lifecycle, s).Transition(t.Context(), starting), fsm.PhaseTurn, fsm.ErrNotStarted)
}

// For a random definition, and the same definition with other names, a machine of the second
// that is restored from a migrated snapshot behaves as the machine of the first.
func TestMigratedMachineBehavesAsTheRenamedOne(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func() {
			ctx := context.Background()
			in := &interpreter{table: drawTable(rt), self: make(map[int]string), code: make(map[string]bool)}
			u := &userCode{script: script{states: len(in.table), simple: true, runs: make(map[string]int)}}
			first := fsm.MustDefine(0, in.table)
			in.drawHierarchy(rt, &first)
			in.drawLocal(rt, &first)
			in.drawTimeouts(rt, &first, time.Second)
			names := rapid.Permutation(first.States()).Draw(rt, "names") // by the old one's place
			renamed := make(map[int]int)
			for i, s := range first.States() {
				renamed[s] = names[i]
			}
			second, pull, draw := renameDefinition(in, renamed), fsm.NewSignal("pull"), fsm.NewSignal("draw")
			for _, s := range first.States() {
				with, err := first.With(fsm.On(pull, fsm.FromAny[int](), s))
				if err != nil {
					continue
				}
				first = with
				if second, err = second.With(fsm.On(draw, fsm.FromAny[int](), renamed[s])); err != nil {
					rt.Fatal(err)
				}
				break
			}
			old := fsm.New(first, fsm.WithData(codeOf, u))
			defer func() { _ = old.Close(ctx) }()
			step := func(other *fsm.Machine[int]) {
				switch rapid.IntRange(0, 3).Draw(rt, "step") {
				case 0:
					time.Sleep(time.Duration(rapid.IntRange(0, 5).Draw(rt, "seconds")) * time.Second)
				case 1:
					err := old.Fire(ctx, pull)
					if other != nil {
						if again := other.Fire(ctx, draw); outcomeOf(err) != outcomeOf(again) {
							rt.Fatalf("event: %v and %v", err, again)
						}
					}
				default:
					to := drawState(rt, len(renamed))
					err := old.Transition(ctx, to)
					if other != nil {
						if again := other.Transition(ctx, renamed[to]); outcomeOf(err) != outcomeOf(again) {
							rt.Fatalf("transition: %v and %v", err, again)
						}
					}
				}
				synctest.Wait()
			}
			for range rapid.IntRange(0, 15).Draw(rt, "before") {
				step(nil)
			}
			s := old.Snapshot()
			s.Table = "" // other names may make the same table
			s, err := fsm.Migrate(second, s, fsm.Migration[int, int]{States: renamed, Events: map[string]string{"pull": "draw"}})
			if err != nil {
				rt.Fatal(err)
			}
			on, err := fsm.Restore(second, s, fsm.WithData(codeOf, u))
			if err != nil {
				rt.Fatal(err)
			}
			defer func() { _ = on.Close(ctx) }()
			for range rapid.IntRange(0, 15).Draw(rt, "after") {
				step(on)
				if want, got := renameSnapshot(old.Snapshot(), renamed), renameSnapshot(on.Snapshot(), nil); !cmp.Equal(want, got) {
					rt.Fatalf("(-original +migrated):\n%s", cmp.Diff(want, got))
				}
			}
		})
	})
}

// renameDefinition makes the definition of an interpreter with other states.
func renameDefinition(in *interpreter, renamed map[int]int) *fsm.Definition[int] {
	all := func(states []int) (others []int) {
		for _, s := range states {
			others = append(others, renamed[s])
		}
		return others
	}
	table := make(fsm.Table[int])
	var rules []fsm.Rule[int]
	for s, targets := range in.table {
		table[renamed[s]] = all(targets)
	}
	for parent, children := range in.children {
		rules = append(rules, fsm.Substates(renamed[parent], all(children)...))
	}
	for s, h := range in.historyStates {
		if h.deep {
			rules = append(rules, fsm.DeepHistory(renamed[s], renamed[h.of]))
		} else {
			rules = append(rules, fsm.ShallowHistory(renamed[s], renamed[h.of]))
		}
	}
	for edge := range in.local {
		rules = append(rules, fsm.Local(renamed[edge[0]], renamed[edge[1]]))
	}
	for _, timeout := range in.timeoutRules {
		other := *timeout
		other.state, other.to, other.cycle = renamed[timeout.state], renamed[timeout.to], all(timeout.cycle)
		rules = append(rules, other.rules()...)
	}
	return fsm.MustDefine(renamed[0], table, rules...)
}

// renameSnapshot lists what two machines with other names have in common, with the new names.
func renameSnapshot(s fsm.Snapshot[int], renamed map[int]int) map[string]any {
	name := func(s int) int {
		if renamed == nil {
			return s
		}
		return renamed[s]
	}
	all := map[string]any{"state": name(s.State), "number": s.Number}
	for _, e := range s.History {
		all[fmt.Sprint("transition ", e.Number)] = []any{name(e.From), name(e.To), e.Event != ""}
	}
	for i, p := range s.Timeouts {
		all[fmt.Sprint("timeout ", i)] = []any{name(p.State), name(p.To), p.Due.Format(time.RFC3339)}
	}
	for _, h := range s.HistoryStates {
		all[fmt.Sprint("memory of ", name(h.Parent))] = name(h.Last)
	}
	return all
}
