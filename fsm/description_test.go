package fsm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// A description says of any definition what the definition says itself.
func TestDescriptionAgreesWithItsDefinition(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		def, _, _ := randomDefinition(rt, time.Second)
		d := def.Describe()
		if err := d.Check(); err != nil {
			rt.Fatal(err)
		}
		if d.Fingerprint != def.Fingerprint() || len(d.States) != len(def.States()) {
			rt.Fatalf("got %+v", d)
		}
		text := func(s int, ok bool) *string {
			if !ok {
				return nil
			}
			return new(fmt.Sprint(s))
		}
		for i, s := range def.States() {
			want := fsm.DescribedState{Name: fmt.Sprint(s)}
			want.Parent = text(def.Parent(s))
			of, deep, history := def.HistoryState(s)
			children := def.Children(s)
			switch {
			case history && deep:
				want.Parent, want.History = text(of, true), "deep"
			case history:
				want.Parent, want.History = text(of, true), "shallow"
			case len(children) > 0:
				want.Initial = text(children[0], true)
			default:
				want.Final = len(def.Next(s)) == 0
			}
			for _, r := range def.ReactionsIn(s) {
				if r.Internal || r.Ignored {
					want.InPlace = append(want.InPlace, fsm.InPlaceEvent{Name: r.Event, Guards: r.Guards, Ignored: r.Ignored})
				}
			}
			if diff := cmp.Diff(want, d.States[i]); diff != "" {
				rt.Fatalf("state %d (-want +got):\n%s", s, diff)
			}
			var next []string
			for k, e := range d.EdgesFrom(want.Name) {
				next = append(next, e.To)
				if guards := def.Guards(s, def.Next(s)[k]); !slices.Equal(e.Guards, guards) {
					rt.Fatalf("edge from %d: %+v, want guards %q", s, e, guards)
				}
			}
			if want := fmt.Sprint(def.Next(s)); fmt.Sprint(next) != want {
				rt.Fatalf("edges from %d to %v, want %s", s, next, want)
			}
		}
	})
}

// Other programs read these names.
func TestDescriptionInJSON(t *testing.T) {
	pass := func(context.Context, fsm.Transition[string]) error { return nil }
	begin := fsm.NewSignal("begin")
	def := fsm.MustDefine("off", fsm.Table[string]{"off": {"on"}, "on": {"off", "last"}, "slow": {"fast"}, "fast": {}, "last": {}},
		fsm.Substates("on", "slow", "fast"), fsm.DeepHistory("last", "on"), fsm.Local("on", "last"),
		fsm.On(begin, fsm.From("off"), "on", fsm.If("dark", func(context.Context, fsm.Transition[string], fsm.NoArg) error { return nil })), fsm.Ignore(begin, fsm.From("on")),
		fsm.Guard("off", "may", pass), fsm.Timeout("slow", time.Minute, "fast"))
	got, err := json.Marshal(def.Describe())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`{"fingerprint":"b76b05a83e668a4b","states":[{"name":"off"}`,
		`{"name":"on","initial":"slow","in_place":[{"name":"begin","ignored":true}]}`,
		`{"name":"slow","parent":"on","in_place":[{"name":"begin","ignored":true}]}`,
		`{"name":"fast","parent":"on","in_place":[{"name":"begin","ignored":true}]}`,
		`{"name":"last","parent":"on","history":"deep"}],"edges":[{"from":"off","to":"on","declared":"off","kind":"external","events":[{"name":"begin","guards":["dark"]}]}`,
		`{"from":"on","to":"off","declared":"on","kind":"external","guards":["may"]}`,
		`{"from":"on","to":"last","declared":"on","kind":"local"}`,
		`{"from":"slow","to":"fast","declared":"slow","kind":"external","timeouts":["1m"]}`,
		`{"from":"slow","to":"off","declared":"on","kind":"external","guards":["may"]}`,
		`{"from":"slow","to":"last","declared":"on","kind":"local"}`,
		`{"from":"fast","to":"off","declared":"on","kind":"external","guards":["may"]}`,
		`{"from":"fast","to":"last","declared":"on","kind":"local"}]}`,
	}, ",")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}
