package fsmdraw_test

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
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

// drawings are a definition in both notations.
type drawings struct{ mermaid, dot string }

func draw[S comparable](def *fsm.Definition[S], marks ...fsmdraw.Mark[S]) drawings {
	return drawings{fsmdraw.Mermaid(def, marks...), fsmdraw.DOT(def, marks...)}
}

func TestDrawingsEqualTheGoldenFiles(t *testing.T) {
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
	been := []moved{{From: idle, To: starting}, {From: starting, To: warming}, {From: warming, To: active}}
	went := []moved{
		{From: idle, To: starting}, {From: starting, To: warming}, {From: warming, To: active}, {From: active, To: paused}, {From: paused, To: active},
		{From: active, To: stopped}, {From: active, To: starting, Forced: true}, {From: active, To: "x"}, {From: warming, To: warming},
	}
	tests := map[string]drawings{
		"nested":    draw(nested(t), fsmdraw.Current(active), fsmdraw.Taken(went)),
		"lifecycle": draw(service(t), fsmdraw.Current(active), fsmdraw.Taken(been)),
		"plain":     draw(lifecycle),
		"worded":    draw(worded(t)),
		"marked":    draw(lifecycle, fsmdraw.Current(starting), fsmdraw.Taken(past)),
		"nasty":     draw(nasty, fsmdraw.Current("a\nb")),
	}
	for name, got := range tests {
		t.Run(name, func(t *testing.T) {
			wantGolden(t, name+".mmd", got.mermaid)
			wantGolden(t, name+".dot", got.dot)
		})
	}
}

// Any names give the same number of lines, and no name ends a string, a label or a statement.
func TestNamesCannotBreakADrawing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name, other, event := rapid.String().Draw(rt, "name"), rapid.String().Draw(rt, "other"), "e"+rapid.String().Draw(rt, "event")
		if name == other {
			return
		}
		def := fsm.MustDefine(name, fsm.Table[string]{name: {other}, other: {}}, fsm.On(fsm.NewSignal(event), fsm.From(name), other))
		mermaid, dot := fsmdraw.Mermaid(def, fsmdraw.Current(name)), fsmdraw.DOT(def)
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

func TestEqualDefinitionsAreDrawnAlike(t *testing.T) {
	want := draw(lifecycle)
	for range 20 {
		if got := draw(fsm.MustDefine(idle, table)); got != want {
			t.Fatal("the same table is drawn differently")
		}
	}
	hierarchy := draw(nested(t))
	for range 20 {
		if got := draw(nested(t)); got != hierarchy {
			t.Fatal("the same hierarchy is drawn differently")
		}
	}
}

func TestMarksThatFitNothingAddNothing(t *testing.T) {
	def := nested(t)
	want := draw(def)
	for name, mark := range map[string]fsmdraw.Mark[state]{
		"zero mark":      {},
		"unknown state":  fsmdraw.Current[state]("x"),
		"no history":     fsmdraw.Taken[state](nil),
		"unknown source": fsmdraw.Taken([]moved{{From: "x", To: stopped}}),
		"unknown target": fsmdraw.Taken([]moved{{From: active, To: "x"}}),
		"no such edge":   fsmdraw.Taken([]moved{{From: stopped, To: idle}}),
		"reset":          fsmdraw.Taken([]moved{{From: active, To: stopped, Forced: true}}),
		"history state":  fsmdraw.Taken([]moved{{From: paused, To: again}, {From: resumed, To: paused}}),
	} {
		if got := draw(def, mark); got != want {
			t.Errorf("%s: drawn differently:\n%s%s", name, got.mermaid, got.dot)
		}
	}
}

// A history has leaves alone: of several edges that fit a transition, one counts.
func TestTransitionCountsForOneEdge(t *testing.T) {
	def := fsm.MustDefine(idle, fsm.Table[state]{idle: {running, warming}, running: {idle, paused}, warming: {active, stopped}, active: {}, paused: {again, active}, stopped: {}, again: {}},
		fsm.Substates(running, warming, active), fsm.Reenter(running), fsm.Reenter(warming), fsm.DeepHistory(again, running))
	// s0 idle, s1 running, s2 warming, s3 active, s4 paused, s5 stopped, s6 again
	for _, test := range []struct {
		from, to state
		want     string
	}{
		{idle, warming, "s0 --> s2 : "}, // not the edge to running, which would enter warming too
		{warming, warming, "s2 --> s2 : "},
		{active, warming, "s1 --> s1 : "},
		{active, paused, "s1 --> s4 : "},
		{paused, active, "s4 --> s3 : "},
		{paused, warming, "s4 --> s6 : "}, // only the history state fits
	} {
		got := fsmdraw.Mermaid(def, fsmdraw.Taken([]moved{{From: test.from, To: test.to}}))
		if strings.Count(got, "taken 1") != 1 || !strings.Contains(got, test.want+"taken 1\n") {
			t.Errorf("%s -> %s: want only %q marked:\n%s", test.from, test.to, test.want, got)
		}
	}
}

// A tower of parents doubles in length if its levels do.
func TestLengthIsLinearInLevels(t *testing.T) {
	tower := func(levels int) drawings {
		table := fsm.Table[int]{0: {1}, levels: {}}
		var rules []fsm.Rule[int]
		for level := 1; level < levels; level++ {
			table[level] = nil
			rules = append(rules, fsm.Substates(level, level+1))
		}
		return draw(fsm.MustDefine(0, table, rules...))
	}
	half, whole := tower(50), tower(100)
	for notation, lengths := range map[string][2]int{
		"Mermaid": {len(half.mermaid), len(whole.mermaid)},
		"DOT":     {len(half.dot), len(whole.dot)},
	} {
		if 10*lengths[1] > 23*lengths[0] {
			t.Errorf("%s: %d bytes for 50 levels, %d for 100", notation, lengths[0], lengths[1])
		}
	}
}
