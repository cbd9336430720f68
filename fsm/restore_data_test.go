package fsm_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// stage is a state that JSON does not show.
type stage struct{ n int }

// folded is a state whose text is read back in lower case.
type folded string

func (f *folded) UnmarshalText(text []byte) error {
	*f = folded(strings.ToLower(string(text)))
	return nil
}

// written is a state that all are written alike and cannot be read back.
type written int

func (written) MarshalText() ([]byte, error) { return []byte("w"), nil }

// null is a state that is null in JSON, as nil is.
type null struct{}

func (null) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// shy is a state that has no JSON if it is 1.
type shy int

func (s shy) MarshalJSON() ([]byte, error) {
	if s == 1 {
		return nil, errBoom
	}
	return []byte{'0' + byte(s)}, nil
}

// A machine with a writer never enters a state that has no JSON, and works in all others.
func TestStateWithoutJSONIsNotEntered(t *testing.T) {
	def := fsm.MustDefine(0, fsm.Table[shy]{0: {1, 2}, 1: {}, 2: {}})
	m := fsm.New(def, fsm.WithWriter(newLease()))
	var failed *fsm.TransitionError[shy]
	if err := m.Transition(t.Context(), 1); !errors.Is(err, errBoom) || !errors.As(err, &failed) || failed.Phase != fsm.PhaseWrite {
		t.Errorf("got %v, want a refusal of the write", err)
	}
	walk(t, m, 2)
	data, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	s, err := fsm.DecodeSnapshot[shy](data)
	if again, restored := fsm.Restore(def, s); err != nil || restored != nil || again.State() != 2 {
		t.Errorf("%s is restored as %+v (%v, %v)", data, s, err, restored)
	}
}

// ofStates returns a definition of a table from the first state to each other and back.
func ofStates[S comparable](first S, others ...S) *fsm.Definition[S] {
	table := fsm.Table[S]{first: others}
	for _, s := range others {
		table[s] = []S{first}
	}
	return fsm.MustDefine(first, table, fsm.Timeout(first, time.Hour, others[0]))
}

// anyStates are the states of a machine whose type of states is an interface.
var anyStates = ofStates[any]("idle", "busy", true, nil)

// anySnapshot returns the JSON of a snapshot with a state in each place where one stands.
func anySnapshot(state, from, to, parent, last, timeout, target string) []byte {
	const at = `"2026-01-02T03:04:05Z"`
	return fmt.Appendf(nil, `{"state":%s,"since":%s,"number":1,"history":[{"number":1,"from":%s,"to":%s,"at":%s}],"timeouts":[{"state":%s,"to":%s,"due":%s}],"memory":[{"state":%s,"last":%s}]}`,
		state, at, from, to, at, timeout, target, at, parent, last)
}

// uncomparable has the JSON of values that Go makes a map or a slice.
var uncomparable = []string{`{}`, `{"a":[1]}`, `[]`, `["idle"]`}

// A state of the JSON that Go cannot compare is no state, wherever it stands.
func TestRestoreRefusesStatesThatCannotBeCompared(t *testing.T) {
	for _, wrong := range uncomparable {
		for place := range 7 {
			args := []any{`"idle"`, `"busy"`, `"idle"`, `"idle"`, `"idle"`, `"idle"`, `"busy"`}
			args[place] = wrong
			if place == 2 {
				args[0] = wrong // the end of the history and the state are compared
			}
			data := anySnapshot(args[0].(string), args[1].(string), args[2].(string), args[3].(string), args[4].(string), args[5].(string), args[6].(string))
			s, err := fsm.DecodeSnapshot[any](data)
			if err != nil {
				t.Fatal(err)
			}
			m, err := fsm.Restore(anyStates, s)
			if _, bad := errors.AsType[*fsm.SnapshotError](err); m != nil || !bad || !strings.Contains(err.Error(), `" is not in the table`) {
				t.Errorf("%s in place %d: %v", wrong, place, err)
			}
		}
	}
}

// A value that cannot be compared is an unknown state in every call, and leaves the machine
// usable.
func TestStatesThatCannotBeComparedAreUnknown(t *testing.T) {
	ctx := t.Context()
	for _, wrong := range []any{map[string]any{"a": 1}, []int{1}, func() {}, struct{ any }{[]int{}}} {
		m := fsm.New(anyStates)
		if err := m.Transition(ctx, wrong); !errors.Is(err, fsm.ErrInvalidTransition) {
			t.Errorf("transition: %v", err)
		}
		if _, err := m.Wait(ctx, "busy", wrong); !errors.Is(err, fsm.ErrUnknownState) {
			t.Errorf("wait: %v", err)
		}
		def := m.Definition()
		_, nested := def.Parent(wrong)
		_, _, history := def.HistoryState(wrong)
		if m.Can(wrong) || m.In(wrong) || nested || history || def.Can(wrong, "idle") || def.Can("idle", wrong) || def.In("idle", wrong) || def.In(wrong, "idle") {
			t.Errorf("%v is taken for a state", wrong)
		}
		if n := len(def.Next(wrong)) + len(def.Children(wrong)) + len(def.Path("idle", wrong)) + len(def.Path(wrong, "idle")) + len(def.Reachable(wrong)) +
			len(def.Guards(wrong, "idle")) + len(def.Guards("idle", wrong)) + len(def.ReactionsIn(wrong)); n > 0 {
			t.Errorf("%v has %d relations", wrong, n)
		}
		event := fsm.NewSignal("choose")
		chosen, err := def.With(fsm.Choose(event, fsm.From[any]("idle"), func(context.Context, fsm.Transition[any], fsm.NoArg) (any, error) { return wrong, nil }, []any{"busy"}))
		if err != nil {
			t.Fatal(err)
		}
		chooser := fsm.New(chosen)
		if err := chooser.Fire(ctx, event); !errors.Is(err, fsm.ErrInvalidTransition) {
			t.Errorf("choice: %v", err)
		}
		for _, used := range []*fsm.Machine[any]{m, chooser} {
			if err := errors.Join(used.Transition(ctx, "busy"), used.Close(ctx)); err != nil || used.State() != "busy" {
				t.Errorf("the machine is in %v: %v", used.State(), err)
			}
		}
	}
}

// wantAlike checks that JSON does not tell states apart: neither a writer nor Restore accepts
// the definition, and the error names both states.
func wantAlike[S comparable](t *testing.T, def *fsm.Definition[S], from S, states ...S) {
	t.Helper()
	err := def.Accepts(fsm.WithWriter(newLease()))
	if _, bad := errors.AsType[*fsm.OptionError](err); !bad {
		t.Errorf("a writer: got %v, want an *OptionError", err)
	}
	s := fsm.Snapshot[S]{State: from, Since: time.Now()}
	_, restored := fsm.Restore(def, s)
	if _, bad := errors.AsType[*fsm.SnapshotError](restored); !bad {
		t.Errorf("restored: got %v, want a *SnapshotError", restored)
	}
	for _, s := range states {
		for _, err := range []error{err, restored} {
			if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q", fmt.Sprint(s))) {
				t.Errorf("%v does not name %v", err, s)
			}
		}
	}
}

func TestStatesWithTheSameJSONAreRefusedWhereTheyAreStored(t *testing.T) {
	wantAlike(t, ofStates(stage{1}, stage{0}), stage{0}, stage{0}, stage{1})
	wantAlike(t, ofStates[folded]("A", "a"), "a", "a", "A")
	wantAlike[any](t, ofStates[any]("idle", nil, null{}), nil, nil, null{})
}

// States that JSON does not read back may be written as long as it tells them apart, and
// restored from what is not JSON.
func TestStatesAreComparedByWhatIsReadBack(t *testing.T) {
	if err := ofStates(written(1), written(2)).Accepts(fsm.WithWriter(newLease())); err == nil || !strings.Contains(err.Error(), `"1" and "2" are both "w" in JSON`) {
		t.Errorf("states that are written alike: %v", err)
	}
	a, b := new(int), new(int)
	pointers := ofStates(a, b)
	m, err := fsm.Restore(pointers, fsm.Snapshot[*int]{State: b, Since: time.Now()})
	if err != nil || m.State() != b {
		t.Errorf("a state that is a pointer: %v", err)
	}
}

// JSON makes a float64 of a number in an interface, and the error says so.
func TestRestoreTellsOfAStateOfAnotherType(t *testing.T) {
	def := ofStates[any](1, 2)
	s, err := fsm.DecodeSnapshot[any]([]byte(`{"state":2,"since":"2026-01-02T03:04:05Z","number":0}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `bad snapshot: state: "2" is not in the table as float64, but as int`
	if _, err := fsm.Restore(def, s); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// null is a state where nil is one.
func TestNilMayBeAState(t *testing.T) {
	m := fsm.New(anyStates)
	if err := errors.Join(m.Transition(t.Context(), nil), m.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	s, err := fsm.DecodeSnapshot[any](data)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := fsm.Restore(anyStates, s); err != nil || again.State() != nil {
		t.Errorf("restored: %v", err)
	}
	if _, err := fsm.DecodeSnapshot[any]([]byte(`{"since":"2026-01-02T03:04:05Z","number":0}`)); err == nil {
		t.Error("a snapshot without a state was decoded")
	}
}

// A value may hold more than the snapshot, and snapshots from before there were versions can
// still be read.
func TestDecodeSnapshotSkipsOtherFields(t *testing.T) {
	type order struct {
		fsm.Snapshot[state]
		Customer string `json:"customer"`
	}
	m := fsm.New(lifecycle)
	walk(t, m, starting)
	want := m.Snapshot()
	data, err := json.Marshal(order{want, "ann"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := fsm.DecodeSnapshot[state](data)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; (-want +got):\n%s", err, diff)
	}
	unversioned, err := fsm.DecodeSnapshot[state](bytes.Replace(data, []byte(`"version":1,`), nil, 1))
	if err != nil || unversioned.Version != 0 {
		t.Errorf("without a version: %+v, %v", unversioned, err)
	}
	wantState(t, restored(t, lifecycle, unversioned), starting, 1)
}

// The snapshot of a restored machine has the same bytes as the one that it was restored from,
// for random definitions after random calls.
func TestRestoredMachineEncodesToTheSameBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func() {
			c := newComparison(rt)
			defer func() { _ = c.m.Close(context.Background()) }()
			for range rapid.IntRange(0, 20).Draw(rt, "steps") {
				c.step()
			}
			if err := c.m.Close(context.Background()); err != nil {
				rt.Fatal(err)
			}
			before, err := json.Marshal(c.m.Snapshot())
			if err != nil {
				rt.Fatal(err)
			}
			s, err := fsm.DecodeSnapshot[int](before)
			if err != nil {
				rt.Fatal(err)
			}
			// A timeout can be due, and would fire before the look at the machine or after it.
			on, err := fsm.Restore(c.def, s, fsm.WithHistory(c.in.limit), fsm.WithData(codeOf, c.u), fsm.WithManualStart())
			if err != nil {
				rt.Fatal(err)
			}
			defer func() { _ = on.Close(context.Background()) }()
			if after, err := json.Marshal(on.Snapshot()); err != nil || !bytes.Equal(before, after) {
				rt.Fatalf("%v; before:\n%s\nafter:\n%s", err, before, after)
			}
		})
	})
}

// Restore does not panic on states of any JSON, and what it accepts is encoded and restored
// as the same again.
func FuzzRestoreAny(f *testing.F) {
	f.Add(anySnapshot(`"idle"`, `true`, `"idle"`, `"idle"`, `"busy"`, `"idle"`, `"busy"`))
	f.Add([]byte(`{"state":null,"since":"2026-01-02T03:04:05Z","number":0}`))
	f.Add([]byte(`{"state":true,"since":"2026-01-02T03:04:05Z","number":1,"history":[{"number":1,"from":"idle","to":true,"at":"2026-01-02T03:04:05Z"}]}`))
	for _, wrong := range uncomparable {
		f.Add(anySnapshot(wrong, `"busy"`, wrong, wrong, wrong, wrong, wrong))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := fsm.DecodeSnapshot[any](data)
		if err != nil {
			return
		}
		m, err := fsm.Restore(anyStates, s, fsm.WithHistory(len(s.History)))
		if err != nil {
			return
		}
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		first, err := json.Marshal(m.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		again, err := fsm.DecodeSnapshot[any](first)
		if err != nil {
			t.Fatal(err)
		}
		on, err := fsm.Restore(anyStates, again, fsm.WithHistory(len(s.History)))
		if err != nil {
			t.Fatal(err)
		}
		if err := on.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		second, err := json.Marshal(on.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		// A timeout that is overdue may have fired between two of the steps.
		if len(again.Timeouts) == 0 && !bytes.Equal(first, second) {
			t.Fatalf("encoded as\n%s\nand then as\n%s", first, second)
		}
	})
}

// Define panics, as a map does, if a state in the value of an interface cannot be hashed.
func TestDefinePanicsForAStateThatCannotBeHashed(t *testing.T) {
	wrong := any([]int{1})
	for name, define := range map[string]func() (*fsm.Definition[any], error){
		"target": func() (*fsm.Definition[any], error) { return fsm.Define[any]("a", fsm.Table[any]{"a": {wrong}}) },
		"rule":   func() (*fsm.Definition[any], error) { return anyStates.With(fsm.Self(wrong)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			_, _ = define()
		}()
	}
}

// Of a field that is given twice the last counts, and nothing of the first.
func TestDecodeSnapshotTakesTheLastOfAFieldGivenTwice(t *testing.T) {
	type place struct{ X, Y int }
	const rest = `"since":"2026-01-02T03:04:05Z","number":1`
	entry := func(more string) string {
		return `"history":[{"number":1,"from":{},"to":{"Y":2},"at":"2026-01-02T03:04:05Z"` + more + `}]`
	}
	first := `{"version":1,"version":null,"unstarted":true,"unstarted":null,"table":"t","table":null,"state":{"X":1},`
	got, err := fsm.DecodeSnapshot[place]([]byte(first + entry(`,"event":"e","cause":"c","forced":true,"from":{"X":3}`) +
		`,"timeouts":[{}],"memory":[{}],"state":{"Y":2},"Timeouts":[],"MEMORY":null,` + entry("") + "," + rest + "}"))
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := fsm.Snapshot[place]{
		State: place{Y: 2}, Since: at, Number: 1, Timeouts: []fsm.PendingTimeout[place]{},
		History: []fsm.Transition[place]{{Number: 1, To: place{Y: 2}, At: at}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v; (-want +got):\n%s", err, diff)
	}
	if s, err := fsm.DecodeSnapshot[place]([]byte("{" + entry("") + `,"history":[{}],"state":{},` + rest + "}")); err == nil {
		t.Errorf("an empty entry that follows a complete one was decoded: %+v", s)
	}
}
