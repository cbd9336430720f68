package fsm_test

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// lineages are what the interpreter knows of a hierarchy: for each state the one around
// it, and what is asked of it is worked out by comparing lists of states.
type lineages struct {
	around map[int]int
	inner  map[int][]int
	back   map[int]recalled // by history state
	memory map[int]int      // by what was left, the leaf
}

type recalled struct {
	of   int
	deep bool
}

// chain is a state and those around it, outwards.
func (n *lineages) chain(s int) []int {
	chain := []int{s}
	for {
		outer, ok := n.around[chain[len(chain)-1]]
		if !ok {
			return chain
		}
		chain = append(chain, outer)
	}
}

func (n *lineages) in(s, around int) bool { return slices.Contains(n.chain(s), around) }

// entered is the leaf that is entered with a state.
func (n *lineages) entered(s int) int {
	if len(n.inner[s]) == 0 {
		return s
	}
	return n.entered(n.inner[s][0])
}

func (in *interpreted) source(to int) int {
	levels := in.levels(in.state, to)
	return levels[len(levels)-1]
}

// stays reports whether a step to a state leaves nothing.
func (in *interpreted) stays(to int) bool { return in.source(to) == to && in.self[to] == "self" }

// goal is what a step to a state is a step to.
func (in *interpreted) goal(to int) int {
	r, ok := in.back[to]
	if !ok {
		return to
	}
	last, been := in.memory[r.of]
	if source := in.source(to); in.in(in.state, r.of) && (source == r.of || !in.in(source, r.of)) {
		last, been = in.state, true
	}
	if !been {
		return in.inner[r.of][0]
	}
	if r.deep {
		return last
	}
	chain := in.chain(last)
	return chain[slices.Index(chain, r.of)-1]
}

// way lists what a step leaves and what it enters, in order.
func (in *interpreted) way(to int) (up, down []int) {
	if in.stays(to) {
		return nil, nil
	}
	source, goal := in.source(to), in.goal(to)
	holds := func(s int) bool {
		return s != source && s != goal && in.in(source, s) && in.in(goal, s)
	}
	up = slices.DeleteFunc(in.chain(in.state), holds)
	down = slices.DeleteFunc(in.chain(in.entered(goal)), holds)
	slices.Reverse(down)
	return up, down
}

// move makes a step.
func (in *interpreted) move(event string, up, down []int) {
	from := in.state
	for _, s := range up {
		if in.memory == nil {
			in.memory = make(map[int]int)
		}
		in.memory[s] = from
		in.running = slices.DeleteFunc(in.running, func(r started) bool { return in.limits[r.limit].state == s })
	}
	if len(down) > 0 {
		in.state = down[len(down)-1]
	}
	for _, s := range down {
		in.start(s)
	}
	in.path = append(in.path, fmt.Sprint(from, ">", in.state, " ", event))
}

// remembered is what history states could go back to.
func (in *interpreted) remembered() map[int]int {
	kept := make(map[int]int)
	for _, r := range in.back {
		if last, ok := in.memory[r.of]; ok {
			kept[r.of] = last
		}
	}
	return kept
}

// clocked is what the interpreter knows of time, in seconds.
type clocked struct {
	limits  []limit
	now     int
	running []started // in the order in which they began
}

type limit struct {
	state, to int
	seconds   int    // if name is empty
	name      string // of the code that says how long
}

type started struct{ limit, due int }

// patience is how long a timeout of that name is, for the time of one call.
func (w *world) patience(name string) int { return 1 + int(w.draw(name, 6)) }

// start begins the timeouts of a state that is entered.
func (in *interpreted) start(s int) {
	for i, l := range in.limits {
		if l.state == s {
			seconds := l.seconds
			if l.name != "" {
				seconds = in.world.patience(l.name)
			}
			in.running = append(in.running, started{i, in.now + seconds})
		}
	}
}

// pass lets time pass, and what is due happen.
func (in *interpreted) pass(seconds int) {
	until := in.now + seconds
	for {
		first := -1
		for i, r := range in.running {
			if r.due <= until && (first < 0 || r.due < in.running[first].due) {
				first = i
			}
		}
		if first < 0 {
			in.now = until
			return
		}
		r := in.running[first]
		in.running = slices.Delete(in.running, first, first+1)
		in.now = r.due
		if outcome := in.transition(in.limits[r.limit].to); outcome != "ok" {
			in.ran = append(in.ran, "late "+outcome)
		}
	}
}

// dues are the timeouts that run, and in what time they are due.
func (in *interpreted) dues() (all []string) {
	for _, r := range in.running {
		l := in.limits[r.limit]
		all = append(all, fmt.Sprint(l.state, ">", l.to, " in ", time.Duration(r.due-in.now)*time.Second))
	}
	return all
}

// nest draws what lies within which, and history states.
func (in *interpreted) nest(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	in.around, in.inner, in.back = make(map[int]int), make(map[int][]int), make(map[int]recalled)
	for range rapid.IntRange(0, 6).Draw(rt, "nests") {
		parent := pick(rt, states)
		var free []int // of what would be ambiguous
		for s := range states {
			common := func(to int) bool { return slices.Contains(in.table[parent], to) }
			if s != parent && len(in.chain(s)) == 1 && !slices.ContainsFunc(in.table[s], common) {
				free = append(free, s)
			}
		}
		if len(free) == 0 {
			continue
		}
		children := rapid.SliceOfNDistinct(rapid.SampledFrom(free), 1, min(3, len(free)), rapid.ID[int]).Draw(rt, "children")
		if in.add(def, fsm.Substates(parent, children...), "within") {
			in.inner[parent] = children
			for _, child := range children {
				in.around[child] = parent
			}
		}
	}
	parents := slices.Sorted(maps.Keys(in.inner))
	for s := range states {
		if len(parents) == 0 || len(in.table[s]) > 0 || rapid.Bool().Draw(rt, "plain") {
			continue
		}
		r := recalled{rapid.SampledFrom(parents).Draw(rt, "remembered"), rapid.Bool().Draw(rt, "deep")}
		rule := fsm.ShallowHistory(s, r.of)
		if r.deep {
			rule = fsm.DeepHistory(s, r.of)
		}
		if in.add(def, rule, "history") {
			in.back[s] = r
		}
	}
}

// limit draws timeouts.
func (in *interpreted) limit(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	for i := range rapid.IntRange(0, 8).Draw(rt, "timeouts") {
		l := limit{state: pick(rt, states), to: pick(rt, states), seconds: rapid.IntRange(1, 8).Draw(rt, "after")}
		rule := fsm.Timeout(l.state, time.Duration(l.seconds)*time.Second, l.to)
		if rapid.IntRange(0, 3).Draw(rt, "func") == 0 {
			l.name = fmt.Sprint("patience ", i)
			rule = fsm.TimeoutFunc(l.state, l.name, func(number) time.Duration { return time.Duration(in.world.patience(l.name)) * time.Second }, l.to)
		}
		if in.add(def, rule, "timeout") {
			in.limits = append(in.limits, l)
		}
	}
}
