package fsm_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

var update = flag.Bool("update", false, "write the golden files anew")

func wantGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// worded are rules of every kind that a picture shows.
func worded() []ruled {
	pass := returns(nil)
	return []ruled{
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

// drawn is what the README shows. Its picture is docs/lifecycle.svg:
//
//	dot -Tsvg fsm/testdata/lifecycle.dot
func drawn(t *testing.T) *fsm.Definition[state] {
	begin, ready, fail := fsm.NewEvent[disk]("start"), fsm.NewSignal("ready"), fsm.NewSignal("fail")
	return with(t,
		fsm.On(begin, fsm.From(idle), starting, fsm.If("has a disk", bootable)),
		fsm.On(ready, fsm.From(starting), warming), fsm.On(ready, fsm.From(warming), active),
		fsm.On(fail, fsm.From(starting, warming), idle),
		fsm.On(stop, fsm.FromAny[state](), stopping), fsm.Ignore(stop, fsm.From(stopping, stopped)),
		fsm.Internal(tick, fsm.From(active)),
		fsm.Guard(active, "feed is fresh", returns(nil)),
	)
}

// nestedWorded has what a picture shows on every level.
func nestedWorded(t *testing.T) *fsm.Definition[state] {
	pass := returns(nil)
	return nested(t,
		fsm.On(boot, fsm.From(idle), running, fsm.If("has a disk", bootable)), fsm.On(tick, fsm.From(starting), live),
		fsm.On(stop, fsm.From(running), stopped), fsm.On(stop, fsm.From(warming), stopped, fsm.If("cold", silent)), fsm.Ignore(stop, fsm.From(stopped)),
		fsm.Internal(tick, fsm.From(live)), fsm.Ignore(tick, fsm.From(active)),
		fsm.Timeout(running, time.Hour, stopped), fsm.Timeout(warming, 30*time.Second, active), fsm.Timeout(active, 90*time.Second, stopped),
		fsm.TimeoutFunc(paused, "patience", func(moved) time.Duration { return time.Minute }, again),
		fsm.Guard(stopped, "calm", pass), fsm.GuardEdge(warming, active, "fresh", pass), fsm.Self(live), fsm.Reenter(paused),
	)
}

func TestPictures(t *testing.T) {
	past := []moved{
		{From: idle, To: starting}, {From: starting, To: warming}, {From: warming, To: idle},
		{From: idle, To: starting}, {From: starting, To: idle, Forced: true},
	}
	nasty := fsm.MustDefine("", fsm.Table[string]{
		"":           {"a\nb", `q"\&<>`},
		"a\nb":       {"%% --> [*]", "größe 日本"},
		`q"\&<>`:     {},
		"%% --> [*]": {}, "größe 日本": {"\x00\xff"}, "\x00\xff": {"end;#:{}"}, "end;#:{}": {},
	}, fsm.On(fsm.NewSignal("go \"\n;"), fsm.From(""), "a\nb"), fsm.Guard("a\nb", "g|`\\N", func(context.Context, fsm.Transition[string]) error { return nil }))
	service := drawn(t)
	been := []moved{{From: idle, To: starting}, {From: starting, To: warming}, {From: warming, To: active}}
	deep := nestedWorded(t)
	went := []moved{
		{From: idle, To: starting}, {From: starting, To: warming}, {From: warming, To: active}, {From: active, To: paused}, {From: paused, To: active},
		{From: active, To: stopped}, {From: active, To: starting, Forced: true}, {From: active, To: "x"}, {From: warming, To: warming},
	}
	tests := map[string][2]string{
		"nested":    {deep.Mermaid(fsm.Current(active), fsm.Taken(went)), deep.DOT(fsm.Current(active), fsm.Taken(went))},
		"lifecycle": {service.Mermaid(fsm.Current(active), fsm.Taken(been)), service.DOT(fsm.Current(active), fsm.Taken(been))},
		"plain":     {lifecycle.Mermaid(), lifecycle.DOT()},
		"worded":    {with(t, worded()...).Mermaid(), with(t, worded()...).DOT()},
		"marked":    {lifecycle.Mermaid(fsm.Current(starting), fsm.Taken(past)), lifecycle.DOT(fsm.Current(starting), fsm.Taken(past))},
		"nasty":     {nasty.Mermaid(fsm.Current("a\nb")), nasty.DOT(fsm.Current("a\nb"))},
	}
	for name, drawn := range tests {
		t.Run(name, func(t *testing.T) {
			wantGolden(t, name+".mmd", drawn[0])
			wantGolden(t, name+".dot", drawn[1])
		})
	}
}

// Whatever the names are: as many lines as without them, and nothing in a name
// ends a string, a label or a statement.
func TestNamesCannotBreakAPicture(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name, other, event := rapid.String().Draw(rt, "name"), rapid.String().Draw(rt, "other"), "e"+rapid.String().Draw(rt, "event")
		if name == other {
			return
		}
		def := fsm.MustDefine(name, fsm.Table[string]{name: {other}, other: {}}, fsm.On(fsm.NewSignal(event), fsm.From(name), other))
		mermaid, dot := def.Mermaid(fsm.Current(name)), def.DOT()
		if n, m := strings.Count(mermaid, "\n"), strings.Count(dot, "\n"); n != 8 || m != 10 {
			rt.Fatalf("%d and %d lines, want 8 and 10:\n%s%s", n, m, mermaid, dot)
		}
		for line := range strings.Lines(dot) {
			text := strings.NewReplacer(`\\`, "", `\"`, "").Replace(line)
			if n := strings.Count(text, `"`); n%2 != 0 {
				rt.Fatalf("unbalanced quotes in %s", line)
			}
		}
		if n := strings.Count(mermaid, `"`); n != 4 {
			rt.Fatalf("%d quotes, want 4:\n%s", n, mermaid)
		}
	})
}

func TestPicturesAreStable(t *testing.T) {
	want := lifecycle.DOT() + lifecycle.Mermaid()
	for range 20 {
		again := fsm.MustDefine(idle, table)
		if got := again.DOT() + again.Mermaid(); got != want {
			t.Fatal("the same table is drawn differently")
		}
	}
}

func ExampleDefinition_Mermaid() {
	m := fsm.New(light)
	_ = m.Transition(context.Background(), Green)
	fmt.Print(light.Mermaid(fsm.Current(m.State()), fsm.Taken(m.History())))
	// Output:
	// stateDiagram-v2
	//     state "red" as s0
	//     state "green" as s1
	//     state "yellow" as s2
	//     [*] --> s0
	//     s0 --> s1 : taken 1
	//     s1 --> s2
	//     s2 --> s0
	//     classDef current fill:#ffd54f,stroke:#333,stroke-width:3px
	//     class s1 current
}
