package fsmdraw_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

// carried is a description after a way through JSON.
func carried(t testing.TB, d fsm.Description) fsm.Description {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var read fsm.Description
	if err := json.Unmarshal(data, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, read); diff != "" {
		t.Errorf("JSON changes a description (-before +after):\n%s", diff)
	}
	return read
}

func TestDescriptionIsDrawnAsItsDefinition(t *testing.T) {
	been := []moved{{From: idle, To: starting}, {From: starting, To: warming}, {From: warming, To: idle}, {From: idle, To: "x"}, {From: active, To: paused}, {From: idle, To: starting, Forced: true}}
	var texts []fsm.Transition[string]
	for _, tr := range been {
		texts = append(texts, fsm.Transition[string]{From: string(tr.From), To: string(tr.To), Forced: tr.Forced})
	}
	for name, def := range map[string]*fsm.Definition[state]{
		"lifecycle": lifecycle, "worded": worded(t), "service": service(t), "nested": nested(t),
		"nameless": fsm.MustDefine("", fsm.Table[state]{"": {"a"}, "a": {"b"}, "b": {}, "c": {}, "d": {}}, fsm.Substates[state]("", "c"), fsm.Substates[state]("b", "d")),
	} {
		t.Run(name, func(t *testing.T) {
			for _, current := range []state{idle, active, "", "a", "no state"} {
				d := carried(t, def.Describe())
				want := draw(def, fsmdraw.Current(current), fsmdraw.Taken(been))
				marks := []fsmdraw.Mark[string]{fsmdraw.Current(string(current)), fsmdraw.Taken(texts)}
				mermaid, err := fsmdraw.MermaidOf(d, marks...)
				if diff := cmp.Diff(want.mermaid, mermaid); err != nil || diff != "" {
					t.Errorf("%v (-definition +description):\n%s", err, diff)
				}
				dot, err := fsmdraw.DOTOf(d, marks...)
				if diff := cmp.Diff(want.dot, dot); err != nil || diff != "" {
					t.Errorf("%v (-definition +description):\n%s", err, diff)
				}
			}
		})
	}
}

// A state that prints like one of the definition is unknown all the same.
func TestMarkOfAStateThatPrintsAlikeIsLeftOut(t *testing.T) {
	def := fsm.MustDefine[any](1, fsm.Table[any]{1: {2}, 2: {}})
	want := draw(def)
	if got := draw[any](def, fsmdraw.Current[any]("1"), fsmdraw.Taken([]fsm.Transition[any]{{From: "1", To: "2"}})); got != want {
		t.Errorf("got\n%s", got.dot)
	}
	if got := draw[any](def, fsmdraw.Current[any](1)); got == want {
		t.Error("a state is not marked")
	}
}

// No description makes the package panic, hang or draw what Check refuses.
func FuzzDescription(f *testing.F) {
	for _, def := range []*fsm.Definition[state]{lifecycle, worded(f), nested(f)} {
		data, err := json.Marshal(def.Describe())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	for _, broken := range brokenDescriptions {
		f.Add(broken.json)
	}
	f.Fuzz(func(t *testing.T, data string) {
		var d fsm.Description
		if json.Unmarshal([]byte(data), &d) != nil {
			return
		}
		var current string
		if len(d.States) > 0 {
			current = d.States[len(d.States)-1].Name
		}
		marks := []fsmdraw.Mark[string]{fsmdraw.Current(current), fsmdraw.Taken([]fsm.Transition[string]{{From: current, To: current}})}
		_, err := fsmdraw.MermaidOf(d, marks...)
		_, also := fsmdraw.DOTOf(d, marks...)
		if check := d.Check(); (err != nil) != (check != nil) || (also != nil) != (check != nil) {
			t.Errorf("Check: %v; Mermaid: %v; DOT: %v", check, err, also)
		}
	})
}

var brokenDescriptions = []struct{ json, want string }{
	{`{}`, "it has no states"},
	{`{"states":[{"name":"a"},{"name":"a"}]}`, `two states are named "a"`},
	{`{"states":[{"name":"a","parent":"b"}]}`, `"a" lies in "b", which has no children`},
	{`{"states":[{"name":"a"},{"name":"b","parent":"a"}]}`, `"b" lies in "a", which has no children`},
	{`{"states":[{"name":"a","initial":"b"}]}`, `"b" is not a child of "a"`},
	{`{"states":[{"name":"a","initial":"b"},{"name":"b"}]}`, `"b" is not a child of "a"`},
	{`{"states":[{"name":"a","initial":"b"},{"name":"b","parent":"a","history":"deep"}]}`, `"b" is not a child of "a"`},
	{`{"states":[{"name":"a","parent":"a","initial":"a"}]}`, `"a" lies within itself`},
	{`{"states":[{"name":"c"},{"name":"a","parent":"b","initial":"b"},{"name":"b","parent":"a","initial":"a"}]}`, `"a" lies within itself`},
	{`{"states":[{"name":"x","parent":"a"},{"name":"a","parent":"b","initial":"b"},{"name":"b","parent":"a","initial":"a"}]}`, `"x" lies within itself`},
	{`{"states":[{"name":"a","history":"deep"}]}`, `the history state "a" has no parent`},
	{`{"states":[{"name":"a","history":"old"}]}`, `"a" is a history state of the kind "old"`},
	{`{"states":[{"name":"a"}],"edges":[{"from":"a","to":"b","declared":"a"}]}`, `names a state that there is not: "b"`},
	{`{"states":[{"name":"a"}],"edges":[{"from":"a","to":"a"}]}`, `names a state that there is not: ""`},
}

func TestBrokenDescriptionsAreRefused(t *testing.T) {
	for _, test := range brokenDescriptions {
		var d fsm.Description
		if err := json.Unmarshal([]byte(test.json), &d); err != nil {
			t.Fatal(err)
		}
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.json, err, test.want)
		}
		if drawn, err := fsmdraw.DOTOf(d); err == nil || drawn != "" {
			t.Errorf("%s is drawn: %s", test.json, drawn)
		}
	}
	d := lifecycle.Describe()
	d.Edges[0].Kind = 9
	if err := d.Check(); err == nil || !strings.Contains(err.Error(), "has no kind") {
		t.Errorf("an edge of kind 9: %v", err)
	}
	if _, err := json.Marshal(d); err == nil {
		t.Error("an edge of kind 9 has JSON")
	}
}
