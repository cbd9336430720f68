package graph_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

type (
	id   = graph.ID
	tree = graph.Graph[string]
)

// The states of the example graph:
//
//	idle, running{starting, live{warming, active}}, paused, resumed (shallow), again (deep)
const (
	idle id = iota
	running
	starting
	live
	warming
	active
	paused
	resumed
	again
	size
)

// example returns the example graph. The two history states are those of running.
func example() *tree {
	g := graph.New[string](int(size))
	g.Nest(running, starting)
	g.Nest(running, live)
	g.Nest(live, warming)
	g.Nest(live, active)
	g.Remember(resumed, graph.History{Of: running})
	g.Remember(again, graph.History{Of: running, Deep: true})
	g.Arrange()
	g.Connect(idle, running, graph.External)
	g.Connect(idle, active, graph.External)
	g.Connect(running, paused, graph.External)
	g.Connect(running, starting, graph.External)
	g.Connect(starting, live, graph.External)
	g.Connect(live, live, graph.Self)
	g.Connect(warming, active, graph.External)
	g.Connect(active, running, graph.External)
	g.Connect(paused, resumed, graph.External)
	g.Connect(paused, again, graph.External)
	g.Link()
	g.Seal()
	return g
}

// edge returns the edge between two states, which has to be there.
func edge(t *testing.T, g *tree, from, to id) *graph.Edge[string] {
	t.Helper()
	e := g.Edge(from, to)
	if e == nil {
		t.Fatalf("no edge %d -> %d", from, to)
	}
	return e
}

func TestChildrenInheritEdgesAfterTheirOwn(t *testing.T) {
	type listed struct{ Target, Declared id }
	want := map[id][]listed{
		idle:     {{running, idle}, {active, idle}},
		running:  {{paused, running}, {starting, running}},
		starting: {{live, starting}, {paused, running}, {starting, running}},
		live:     {{live, live}, {paused, running}, {starting, running}},
		warming:  {{active, warming}, {live, live}, {paused, running}, {starting, running}},
		active:   {{running, active}, {live, live}, {paused, running}, {starting, running}},
		paused:   {{resumed, paused}, {again, paused}},
	}
	got := make(map[id][]listed)
	g := example()
	for i := range g.Nodes {
		for e := range g.Edges(id(i)) {
			got[id(i)] = append(got[id(i)], listed{e.Target, e.Declared})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("edges (-want +got):\n%s", diff)
	}
}

func TestLinkReportsEdgesThatAChildDeclaresAgain(t *testing.T) {
	g := graph.New[string](3)
	g.Nest(0, 1)
	g.Arrange()
	g.Connect(0, 2, graph.External)
	g.Connect(1, 2, graph.External)
	if diff := cmp.Diff([]graph.Duplicate{{State: 1, Outer: 0, Target: 2}}, g.Link()); diff != "" {
		t.Errorf("duplicates (-want +got):\n%s", diff)
	}
	for e := range g.Edges(1) {
		if e.Declared != 1 {
			t.Errorf("the child has the edge of %d, want its own", e.Declared)
		}
	}
}

func TestRoutes(t *testing.T) {
	remembers := func(leaf id) []id { return []id{leaf} }
	tests := map[string]struct {
		from, to id
		memory   []id
		want     graph.Route
	}{
		"to a parent":             {idle, running, nil, graph.Route{Leaf: starting, Goal: running, Domain: graph.None}},
		"past an initial child":   {idle, active, nil, graph.Route{Leaf: active, Goal: active, Domain: graph.None}},
		"between children":        {warming, active, nil, graph.Route{Leaf: active, Goal: active, Domain: live}},
		"across a level":          {starting, live, nil, graph.Route{Leaf: warming, Goal: live, Domain: running}},
		"a parent's edge":         {active, paused, nil, graph.Route{Leaf: paused, Goal: paused, Domain: graph.None}},
		"a parent to its own":     {active, starting, nil, graph.Route{Leaf: starting, Goal: starting, Domain: graph.None}},
		"to its own parent":       {active, running, nil, graph.Route{Leaf: starting, Goal: running, Domain: graph.None}},
		"self of a parent":        {active, live, nil, graph.Route{Leaf: active, Goal: live, Domain: active}},
		"shallow, never left":     {paused, resumed, remembers(graph.None), graph.Route{Leaf: starting, Goal: starting, Domain: graph.None}},
		"shallow, left in active": {paused, resumed, remembers(active), graph.Route{Leaf: warming, Goal: live, Domain: graph.None}},
		"deep, left in active":    {paused, again, remembers(active), graph.Route{Leaf: active, Goal: active, Domain: graph.None}},
		"no memory":               {paused, again, nil, graph.Route{Leaf: starting, Goal: starting, Domain: graph.None}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := example()
			if got := g.Route(test.from, edge(t, g, test.from, test.to), test.memory); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// An edge to a history state of a parent that the transition itself leaves goes back to
// where the machine is.
func TestHistoryOfTheStateThatIsLeft(t *testing.T) {
	g := graph.New[string](5) // 0{1, 2}, 3 stands for 0 deeply; 4
	g.Nest(0, 1)
	g.Nest(0, 2)
	g.Remember(3, graph.History{Of: 0, Deep: true})
	g.Arrange()
	g.Connect(0, 3, graph.External)
	g.Connect(1, 3, graph.External)
	g.Link()
	memory := []id{1}
	if got, want := g.Route(2, edge(t, g, 2, 3), memory), (graph.Route{Leaf: 2, Goal: 2, Domain: graph.None}); got != want {
		t.Errorf("by the parent's edge: got %+v, want %+v", got, want)
	}
	// From inside, by an edge that leaves the parent as well.
	if got, want := g.Route(1, edge(t, g, 1, 3), []id{2}), (graph.Route{Leaf: 2, Goal: 2, Domain: 0}); got != want {
		t.Errorf("by the child's own edge: got %+v, want %+v", got, want)
	}
}

func TestLocalRoutesStayInTheirSource(t *testing.T) {
	tests := map[string]struct {
		from, to id
		memory   []id
		want     graph.Route
	}{
		"from another child":    {active, starting, nil, graph.Route{Leaf: starting, Goal: starting, Domain: running}},
		"to where it is":        {active, live, nil, graph.Route{Leaf: warming, Goal: live, Domain: running}},
		"history of the source": {active, again, []id{starting}, graph.Route{Leaf: starting, Goal: starting, Domain: running}},
		"history, never left":   {active, again, nil, graph.Route{Leaf: starting, Goal: starting, Domain: running}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			g := example()
			e := graph.Edge[string]{Target: test.to, Declared: running, Kind: graph.Local}
			if got := g.Route(test.from, &e, test.memory); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			if g.Leaves(test.from, test.want.Domain, running) {
				t.Error("the source is left")
			}
		})
	}
}

func TestMemoryIsThatOfTheStatesThatAreLeft(t *testing.T) {
	g := example()
	fresh := g.Forget()
	if diff := cmp.Diff([]id{graph.None}, fresh); diff != "" {
		t.Errorf("forgotten (-want +got):\n%s", diff)
	}
	inside := g.Update(fresh, warming, live) // to active
	if diff := cmp.Diff(fresh, inside); diff != "" {
		t.Errorf("after a transition inside (-want +got):\n%s", diff)
	}
	left := g.Update(inside, active, graph.None) // to paused
	if diff := cmp.Diff([]id{active}, left); diff != "" || fresh[0] != graph.None {
		t.Errorf("after leaving (-want +got):\n%s; before: %v", diff, fresh)
	}
}

func TestGuardsRunFromTheEdgeInwards(t *testing.T) {
	g := example()
	guard := func(name string) []graph.Guard[string] { return []graph.Guard[string]{{Name: name}} }
	g.Nodes[running].Guards, g.Nodes[live].Guards, g.Nodes[active].Guards = guard("running"), guard("live"), guard("active")
	edge(t, g, idle, active).Guards = guard("edge")
	g.Seal()
	for name, test := range map[string]struct {
		from, to id
		want     []string
	}{
		"entering":         {idle, active, []string{"edge", "running", "live", "active"}},
		"inside":           {warming, active, []string{"active"}},
		"self of a parent": {active, live, []string{"live"}},
		"leaving":          {active, paused, nil},
	} {
		t.Run(name, func(t *testing.T) {
			e := edge(t, g, test.from, test.to)
			goal, leaf := g.End(test.from, e)
			var got []string
			for guard := range g.Guards(e, goal, leaf) {
				got = append(got, guard.Name)
			}
			if r := g.Route(test.from, e, nil); r.Goal != goal || r.Leaf != leaf {
				t.Errorf("the edge ends in %d for %d, the route is %+v", leaf, goal, r)
			}
			if got := g.MayRefuse(test.from, e); got != (len(test.want) > 0) {
				t.Errorf("may refuse: %v, but the guards are %v", got, test.want)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("guards (-want +got):\n%s", diff)
			}
		})
	}
}

func TestInheritedEdgesHaveTheCodeOfOuterEdges(t *testing.T) {
	g := example()
	for _, s := range []id{active, live} {
		g.Inherit(s, edge(t, g, s, paused))
	}
	g.Link()
	for s, name := range map[id]string{running: "running", live: "live", active: "active"} {
		e := edge(t, g, s, paused)
		e.Hooks = append(e.Hooks, name)
	}
	for from, want := range map[id][]string{
		running: {"running"}, starting: {"running"}, live: {"live", "running"},
		warming: {"live", "running"}, active: {"active", "live", "running"},
	} {
		var got []string
		for each := edge(t, g, from, paused); each != nil; each = each.Around() {
			got = append(got, each.Hooks...)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("of %d: hooks (-want +got):\n%s", from, diff)
		}
	}
	var targets []id // an inherited edge stays in its place
	for e := range g.Edges(active) {
		targets = append(targets, e.Target)
	}
	if diff := cmp.Diff([]id{running, live, paused, starting}, targets); diff != "" {
		t.Errorf("targets of the edges (-want +got):\n%s", diff)
	}
}

// A list that is searched from one end says what an index does.
func TestIndexFindsTheNearestStateAround(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g, parents := forest(rt)
		has := rapid.SliceOfN(rapid.IntRange(0, 3), len(parents), len(parents)).Draw(rt, "keys") // bits
		x := graph.NewIndex(g, 2, func(s id, add func(id, id)) {
			for key := range 2 {
				if has[s]>>key&1 == 1 {
					add(id(key), s)
				}
			}
		})
		for s := range parents {
			for key := range 2 {
				up := lineage(parents, id(s))
				i := slices.IndexFunc(up, func(s id) bool { return has[s]>>key&1 == 1 })
				if got, found := x.Find(g.Nodes[s].First, id(key)); found != (i >= 0) || found && got != up[i] {
					rt.Fatalf("from %d under %d: %d %v; lineage %v, keys %v", s, key, got, found, up, has)
				}
			}
		}
	})
}

func TestSearchFindsShortestPaths(t *testing.T) {
	g := example()
	found := g.Search(idle)
	if diff := cmp.Diff([]id{starting, active, warming, paused}, found.Leaves); diff != "" {
		t.Errorf("leaves (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]id{running, live}, found.Path(idle, warming)); diff != "" {
		t.Errorf("path to warming (-want +got):\n%s", diff)
	}
	if !found.Met[again] || !found.Met[running] || found.Met[idle] {
		t.Errorf("met %v", found.Met)
	}
}

// forest draws a hierarchy: each state lies in a state of a smaller number, or in none.
func forest(rt *rapid.T) (*tree, []id) {
	n := rapid.IntRange(1, 12).Draw(rt, "states")
	g, parents := graph.New[string](n), make([]id, n)
	for s := range n {
		parents[s] = graph.None
		if s > 0 && rapid.Bool().Draw(rt, "nested") {
			parents[s] = id(rapid.IntRange(0, s-1).Draw(rt, "parent"))
			g.Nest(parents[s], id(s))
		}
	}
	g.Arrange()
	return g, parents
}

// lineage is a state and those around it, by the drawn parents alone.
func lineage(parents []id, s id) []id {
	var all []id
	for ; s != graph.None; s = parents[s] {
		all = append(all, s)
	}
	return all
}

func TestHierarchyAgreesWithLineages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g, parents := forest(rt)
		a := id(rapid.IntRange(0, len(parents)-1).Draw(rt, "a"))
		b := id(rapid.IntRange(0, len(parents)-1).Draw(rt, "b"))
		up, over := lineage(parents, a), lineage(parents, b)

		if got := g.Within(a, b); got != slices.Contains(up, b) {
			rt.Fatalf("%d within %d: %v; lineage %v", a, b, got, up)
		}
		common := graph.None
		if i := slices.IndexFunc(up, func(s id) bool { return s != a && s != b && slices.Contains(over, s) }); i >= 0 {
			common = up[i]
		}
		if got := g.CommonAncestor(a, b); got != common {
			rt.Fatalf("common ancestor of %d and %d: %d, want %d", a, b, got, common)
		}
		if i := slices.Index(up, common); i >= 0 {
			up = up[:i]
		}
		if diff := cmp.Diff(up, slices.Collect(g.Up(a, common))); diff != "" {
			rt.Fatalf("up (-want +got):\n%s", diff)
		}
		slices.Reverse(up)
		if diff := cmp.Diff(up, slices.Collect(g.Down(common, a))); diff != "" {
			rt.Fatalf("down (-want +got):\n%s", diff)
		}
		leaf := g.InitialLeaf(a)
		if !g.IsLeaf(leaf) || !slices.Contains(lineage(parents, leaf), a) {
			rt.Fatalf("initial leaf of %d: %d", a, leaf)
		}
	})
}

// What a search reaches is the closure of single steps.
func TestSearchIsTheClosureOfRoutes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g, parents := forest(rt)
		for range rapid.IntRange(0, 15).Draw(rt, "edges") {
			from, to := id(rapid.IntRange(0, len(parents)-1).Draw(rt, "from")), id(rapid.IntRange(0, len(parents)-1).Draw(rt, "to"))
			if from != to && !slices.ContainsFunc(g.Nodes[from].Edges, func(e graph.Edge[string]) bool { return e.Target == to }) {
				g.Connect(from, to, graph.External)
			}
		}
		g.Link()
		start := g.InitialLeaf(0)
		reached := map[id]bool{}
		for changed := true; changed; {
			changed = false
			for s := range parents {
				if s := id(s); g.IsLeaf(s) && (s == start || reached[s]) {
					for e := range g.Edges(s) {
						leaf := g.Route(s, e, nil).Leaf
						changed = changed || !reached[leaf]
						reached[leaf] = true
					}
				}
			}
		}
		found := g.Search(start)
		if len(found.Leaves) != len(reached) {
			rt.Fatalf("found %v, want %v", found.Leaves, reached)
		}
		for _, leaf := range found.Leaves {
			if !reached[leaf] || len(found.Path(start, leaf)) == 0 && leaf != start {
				rt.Fatalf("found %d by %v", leaf, found.Path(start, leaf))
			}
		}
	})
}

func TestRememberedStatesHaveTheOrderOfTheHistoryStates(t *testing.T) {
	g := graph.New[string](6) // 0{2}, 1{3}; 4 stands for 1, 5 for 0
	g.Nest(0, 2)
	g.Nest(1, 3)
	g.Remember(5, graph.History{Of: 0})
	g.Remember(4, graph.History{Of: 1})
	g.Arrange()
	if want := []id{1, 0}; !slices.Equal(g.Remembered, want) {
		t.Errorf("remembered %v, want %v", g.Remembered, want)
	}
}
