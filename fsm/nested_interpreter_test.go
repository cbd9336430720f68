package fsm_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/internal/order"
)

// hierarchy is the hierarchy of the interpreter, with its history states.
type hierarchy struct {
	parent        map[int]int
	children      map[int][]int
	historyStates map[int]historyState
	local         map[[2]int]bool // by source and target: the edges of Local rules
}

type historyState struct {
	of   int
	deep bool
}

// order returns the hierarchy for package order.
func (h *hierarchy) order() order.Hierarchy[int] {
	return func(s int) (int, bool) {
		parent, ok := h.parent[s]
		return parent, ok
	}
}

// initialLeaf returns the leaf that is entered with a state.
func (h *hierarchy) initialLeaf(s int) int {
	if len(h.children[s]) == 0 {
		return s
	}
	return h.initialLeaf(h.children[s][0])
}

// source returns the state that declares the edge to a target.
func (in *interpreter) source(to int) int {
	states := in.upToSource(in.state, to)
	return states[len(states)-1]
}

// isSelf reports whether the edge to a target comes from a Self rule.
func (in *interpreter) isSelf(to int) bool { return in.source(to) == to && in.self[to] == "self" }

// goal returns the target of a transition after history states are resolved.
func (in *interpreter) goal(to int) int {
	history, ok := in.historyStates[to]
	if !ok {
		return to
	}
	leaf, remembered := in.memory[history.of]
	within := in.order().Within
	source := in.source(to)
	leaves := !within(source, history.of) || source == history.of && !in.local[[2]int{source, to}]
	if within(in.state, history.of) && leaves {
		leaf, remembered = in.state, true // the transition itself exits the remembered state
	}
	switch {
	case !remembered:
		return in.children[history.of][0]
	case history.deep:
		return leaf
	}
	lineage := in.order().Lineage(leaf)
	return lineage[slices.Index(lineage, history.of)-1]
}

// exitsAndEntries returns the states that a transition exits and enters, in order.
func (in *interpreter) exitsAndEntries(to int) (exits, entries []int) {
	if in.isSelf(to) {
		return nil, nil
	}
	source, goal := in.source(to), in.goal(to)
	local := in.local[[2]int{source, to}]
	return in.order().Exits(in.state, source, goal, local), in.order().Entries(source, goal, in.initialLeaf(goal), local)
}

// timeoutRule is a timeout of a state.
type timeoutRule struct {
	state, to int
	seconds   int           // if name is empty
	second    time.Duration // of the timeouts; shorter in real time
	name      string        // of a TimeoutFunc
	cycle     []int         // the states of the TimeoutCycle rule that permits it; nil without one
	place     int           // in interpreter.given
}

// rules are the timeout and the rule that permits it.
func (t *timeoutRule) rules() []fsm.Rule[int] {
	rule := fsm.Timeout(t.state, time.Duration(t.seconds)*t.second, t.to)
	if t.name != "" {
		rule = fsm.TimeoutFunc(t.state, t.name, func(ctx context.Context, _ intTransition) (d time.Duration) {
			u := codeOf.Of(ctx)
			_ = u.run(ctx, t.name)
			u.scripted(func(s *script) { d = time.Duration(s.seconds(t.name)) * t.second })
			return d
		}, t.to)
	}
	if t.cycle != nil {
		return []fsm.Rule[int]{rule, fsm.TimeoutCycle(t.cycle...)}
	}
	return []fsm.Rule[int]{rule}
}

func (t *timeoutRule) cause() string {
	name := t.name
	if name == "" {
		name = (time.Duration(t.seconds) * t.second).String()
	}
	return fmt.Sprintf("timeout after %s in %d", name, t.state)
}

// drawHierarchy draws parents, children and history states.
func (in *interpreter) drawHierarchy(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	in.parent, in.children, in.historyStates = make(map[int]int), make(map[int][]int), make(map[int]historyState)
	for range rapid.IntRange(0, 6).Draw(rt, "parents") {
		parent := drawState(rt, states)
		var candidates []int // states without a parent, and without a target that parent has too
		for s := range states {
			shared := func(to int) bool { return slices.Contains(in.table[parent], to) }
			if s != parent && len(in.order().Lineage(s)) == 1 && !slices.ContainsFunc(in.table[s], shared) {
				candidates = append(candidates, s)
			}
		}
		if len(candidates) == 0 {
			continue
		}
		children := rapid.SliceOfNDistinct(rapid.SampledFrom(candidates), 1, min(3, len(candidates)), rapid.ID[int]).Draw(rt, "children")
		if in.add(def, fsm.Substates(parent, children...)) {
			in.children[parent] = children
			for _, child := range children {
				in.parent[child] = parent
			}
		}
	}
	parents := slices.Sorted(maps.Keys(in.children))
	for s := range states {
		if len(parents) == 0 || len(in.table[s]) > 0 || rapid.Bool().Draw(rt, "no history state") {
			continue
		}
		history := historyState{rapid.SampledFrom(parents).Draw(rt, "of"), rapid.Bool().Draw(rt, "deep")}
		rule := fsm.ShallowHistory(s, history.of)
		if history.deep {
			rule = fsm.DeepHistory(s, history.of)
		}
		if in.add(def, rule) {
			in.historyStates[s] = history
		}
	}
}

// drawLocal draws Local rules, most of which Define refuses.
func (in *interpreter) drawLocal(rt *rapid.T, def **fsm.Definition[int]) {
	in.local = make(map[[2]int]bool)
	for from := range len(in.table) {
		for _, to := range in.table[from] {
			if rapid.Bool().Draw(rt, "local") && in.add(def, fsm.Local(from, to)) {
				in.local[[2]int{from, to}] = true
			}
		}
	}
}

// drawTimeouts draws timeouts of so many seconds.
func (in *interpreter) drawTimeouts(rt *rapid.T, def **fsm.Definition[int], second time.Duration) {
	states := len(in.table)
	for i := range rapid.IntRange(0, 8).Draw(rt, "timeouts") {
		drawn := timeoutRule{second: second, state: drawState(rt, states), to: drawState(rt, states), seconds: rapid.IntRange(1, 8).Draw(rt, "seconds")}
		if rapid.IntRange(0, 3).Draw(rt, "func") == 0 {
			drawn.name = fmt.Sprint("timeout func ", i)
		}
		// A circle that only timeouts leave is permitted if a rule names it.
		for _, cycle := range [][]int{nil, {drawn.state}, {drawn.state, drawn.to}} {
			drawn.cycle = cycle
			if in.add(def, drawn.rules()...) {
				drawn.place = len(in.given) - 1
				in.timeoutRules = append(in.timeoutRules, &drawn)
				in.code[drawn.name] = drawn.name != ""
				break
			}
		}
	}
}
