package fsm_test

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// growing has a definition for each way to grow: of the size n in that dimension, and of a
// fixed size in all others. The initial state is 0.
var growing = map[string]func(n int) (fsm.Table[int], []fsm.Rule[int]){
	"states": func(n int) (fsm.Table[int], []fsm.Rule[int]) { return ringOf(n), nil },
	"states and Final": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table := ringOf(n)
		table[n-1] = nil
		return table, []fsm.Rule[int]{fsm.Final(n - 1)}
	},
	"final states": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table, ends := starOf(n), []int{}
		for s := 1; s <= n; s++ {
			table[s] = nil
			ends = append(ends, s)
		}
		return table, []fsm.Rule[int]{fsm.Final(ends...)}
	},
	"edges of all states": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table, states := fsm.Table[int]{}, 2001
		for s := range states {
			for i := range n / 100 {
				table[s] = append(table[s], (s+i+1)%states)
			}
		}
		return table, nil
	},
	"edges of a state": func(n int) (fsm.Table[int], []fsm.Rule[int]) { return starOf(n), nil },
	"events":           func(n int) (fsm.Table[int], []fsm.Rule[int]) { return ringOf(10), events(n, fsm.From(0), 1) },
	"events of a parent": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		t, r := nestOf(10)
		return t, append(r, events(n, fsm.From(1), 0)...)
	},
	"events of any state": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		return starOf(1000), events(n, fsm.FromAny[int](), 0)
	},
	"events and states": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		return starOf(n), events(n, fsm.FromAny[int](), 0)
	},
	"events of any state, two edges each": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		for s := range n {
			e := fsm.NewSignal(fmt.Sprint("e", s))
			rules = append(rules, fsm.On(e, fsm.FromAny[int](), s), fsm.On(e, fsm.FromAny[int](), (s+1)%n))
		}
		return ringOf(n), rules
	},
	"states of a rule": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		return starOf(n), events(1, fsm.From(leavesOf(n)...), 0)
	},
	"rules of an event, a state each": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		e := fsm.NewSignal("e")
		for s := range n {
			rules = append(rules, fsm.On(e, fsm.From(s), (s+1)%n))
		}
		return ringOf(n), rules
	},
	"rules of an event, an edge each": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		e := fsm.NewSignal("e")
		for _, s := range leavesOf(n) {
			rules = append(rules, fsm.On(e, fsm.From(0), s, fsm.If("if", argued)))
		}
		return starOf(n), rules
	},
	"rules of an event, a target each": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		e := fsm.NewSignal("e")
		for s := range n {
			rules = append(rules, fsm.On(e, fsm.FromAny[int](), s))
		}
		return ringOf(n), rules
	},
	"targets of a choice": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		choose := func(context.Context, fsm.Transition[int], fsm.NoArg) (int, error) { return 1, nil }
		return starOf(n), []fsm.Rule[int]{fsm.Choose(fsm.NewSignal("e"), fsm.From(0), choose, leavesOf(n))}
	},
	"guards and hooks": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		for s := range n {
			rules = append(rules, fsm.Guard(s, "guard", unguarded), fsm.GuardEdge(s, (s+1)%n, "guard", unguarded),
				fsm.OnEntry(s, unguarded), fsm.OnExit(s, unguarded), fsm.OnEdge(s, (s+1)%n, unguarded))
		}
		return ringOf(n), rules
	},
	"guards of a state": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		for i := range n {
			rules = append(rules, fsm.Guard(1, fmt.Sprint(i), unguarded), fsm.GuardEdge(0, 1, fmt.Sprint(i), unguarded))
		}
		return ringOf(2), rules
	},
	"guards of a rule": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		var ifs []fsm.RuleOption[int, fsm.NoArg]
		for i := range n {
			ifs = append(ifs, fsm.If(fmt.Sprint(i), argued))
		}
		return ringOf(2), []fsm.Rule[int]{fsm.On(fsm.NewSignal("e"), fsm.From(0), 1, ifs...)}
	},
	"timeouts": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		table = ringOf(n)
		table[n-1] = nil
		for s := range n - 1 {
			rules = append(rules, fsm.Timeout(s, time.Second, s+1))
		}
		return table, rules
	},
	"timeouts of a state": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		for _, s := range leavesOf(n) {
			rules = append(rules, fsm.Timeout(0, time.Second, s))
		}
		return starOf(n), rules
	},
	"levels": func(n int) (fsm.Table[int], []fsm.Rule[int]) { return nestOf(n) },
	"levels with rules": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table, rules := nestOf(n)
		for s := 1; s <= n; s++ {
			own := fsm.NewSignal(fmt.Sprint(s))
			rules = append(rules, fsm.On(own, fsm.From(s), s+n), fsm.Guard(s, "guard", unguarded),
				fsm.GuardEdge(s, 0, "inherited", unguarded), fsm.OnEdge(s, 0, unguarded), fsm.Timeout(s, time.Second, 0))
		}
		return table, append(rules, fsm.On(fsm.NewSignal("e"), fsm.FromAny[int](), 0), fsm.Final(3*n+1))
	},
	"levels and offered events": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table, rules := nestOf(n)
		for i := range n { // an event for each level, which its parent has a rule for
			e := fsm.NewSignal(fmt.Sprint(i))
			rules = append(rules, fsm.Internal(e, fsm.From(n), fsm.If("if", argued)), fsm.OfferToParent(e, fsm.From(n)), fsm.On(e, fsm.From(1), 0))
		}
		return table, rules
	},
	"offers of an event": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table, rules := nestOf(n)
		e := fsm.NewSignal("e")
		for s := 1; s <= n; s++ {
			rules = append(rules, fsm.Internal(e, fsm.From(s), fsm.If("if", argued)))
		}
		return table, append(rules, fsm.OfferToParent(e, fsm.FromAny[int]()))
	},
	"offered events of any state": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		for i := range n {
			e := fsm.NewSignal(fmt.Sprint(i))
			rules = append(rules, fsm.Internal(e, fsm.From(1), fsm.If("if", argued)), fsm.OfferToParent(e, fsm.From(1)), fsm.On(e, fsm.FromAny[int](), 0))
		}
		return starOf(n), rules
	},
	"states that offer an event": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		e := fsm.NewSignal("e")
		for _, s := range leavesOf(n) {
			rules = append(rules, fsm.Internal(e, fsm.From(s), fsm.If("if", argued)))
		}
		return starOf(n), append(rules, fsm.OfferToParent(e, fsm.From(leavesOf(n)...)), fsm.On(e, fsm.FromAny[int](), 0))
	},
	"children": func(n int) (fsm.Table[int], []fsm.Rule[int]) {
		table := ringOf(n)
		table[n] = nil
		return table, []fsm.Rule[int]{fsm.Substates(n, slices.Sorted(maps.Keys(ringOf(n)))...), fsm.Self(n)}
	},
	"history states": func(n int) (table fsm.Table[int], rules []fsm.Rule[int]) {
		table = fsm.Table[int]{0: nil}
		for s := 1; s <= n; s++ {
			parent, a, b, deep, shallow := s, s+n, s+2*n, s+3*n, s+4*n
			table[0] = append(table[0], parent, deep, shallow)
			table[parent], table[a], table[b], table[deep], table[shallow] = []int{0, deep, shallow}, []int{b}, []int{a}, nil, nil
			rules = append(rules, fsm.Substates(parent, a, b), fsm.DeepHistory(deep, parent), fsm.ShallowHistory(shallow, parent),
				fsm.On(fsm.NewSignal(fmt.Sprint(s)), fsm.From(0, parent), shallow))
		}
		return table, rules
	},
}

func unguarded(context.Context, fsm.Transition[int]) error { return nil }

func argued(context.Context, fsm.Transition[int], fsm.NoArg) error { return nil }

// ringOf is a table in which each state leads to the next.
func ringOf(n int) fsm.Table[int] {
	table := make(fsm.Table[int])
	for s := range n {
		table[s] = []int{(s + 1) % n}
	}
	return table
}

// starOf is a table in which 0 leads to n states, and each of them to 0.
func starOf(n int) fsm.Table[int] {
	table := fsm.Table[int]{0: leavesOf(n)}
	for s := 1; s <= n; s++ {
		table[s] = []int{0}
	}
	return table
}

func leavesOf(n int) (leaves []int) {
	for s := 1; s <= n; s++ {
		leaves = append(leaves, s)
	}
	return leaves
}

// nestOf is a table of n levels, the states 1 to n, each in the one before. All of them lead
// to 0 and from there to an end. Each has an edge to a leaf that lies beside the next level.
func nestOf(n int) (fsm.Table[int], []fsm.Rule[int]) {
	end := 3*n + 1
	table := fsm.Table[int]{0: {1, end}, 1: {0, n + 1}, end: nil}
	var rules []fsm.Rule[int]
	for s := 1; s <= n; s++ {
		table[s+n] = nil
		children := []int{s + n}
		if s < n {
			table[s+1] = []int{s + n + 1}
			children = []int{s + 1, s + n}
		}
		rules = append(rules, fsm.Substates(s, children...))
	}
	return table, rules
}

// events returns a rule for each of n events.
func events(n int, from fsm.Source[int], to int) (rules []fsm.Rule[int]) {
	for i := range n {
		rules = append(rules, fsm.On(fsm.NewSignal(fmt.Sprint("e", i)), from, to))
	}
	return rules
}

// defining returns the bytes that Define allocates.
func defining(t testing.TB, name string, n int) float64 {
	t.Helper()
	table, rules := growing[name](n)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := fsm.Define(0, table, rules...); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

func TestDefinitionTakesMemoryInProportionToItsSize(t *testing.T) {
	for name := range growing {
		t.Run(name, func(t *testing.T) {
			const n = 1500
			if once, twice := defining(t, name, n), defining(t, name, 2*n); twice > 2.3*once {
				t.Errorf("%.0f bytes for %d, %.0f for %d: %.2f times as many", once, n, twice, 2*n, twice/once)
			}
		})
	}
}

func BenchmarkDefine(b *testing.B) {
	for _, name := range slices.Sorted(maps.Keys(growing)) {
		for _, n := range []int{100, 1000, 2000, 4000, 10000} {
			b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
				table, rules := growing[name](n)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := fsm.Define(0, table, rules...); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
