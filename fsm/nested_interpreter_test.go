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

// hierarchy is the hierarchy of the interpreter, with its history states and the memory
// of one machine.
type hierarchy struct {
	parent        map[int]int
	children      map[int][]int
	historyStates map[int]historyState
	local         map[[2]int]bool // by source and target: the edges of Local rules
	memory        map[int]int     // by state that was exited: the leaf at that time
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

// commit moves the machine, and updates memory, timeouts and path.
func (in *interpreter) commit(event string, exits, entries []int) {
	from := in.state
	for _, s := range exits {
		if in.memory == nil {
			in.memory = make(map[int]int)
		}
		in.memory[s] = from
		in.running = slices.DeleteFunc(in.running, func(r runningTimeout) bool { return in.timeoutRules[r.rule].state == s })
	}
	if len(entries) > 0 {
		in.state = entries[len(entries)-1]
	}
	for _, s := range entries {
		in.startTimeouts(s)
	}
	in.path = append(in.path, fmt.Sprint(from, ">", in.state, " ", event))
}

// remembered returns the part of the memory that history states use.
func (in *interpreter) remembered() map[int]int {
	kept := make(map[int]int)
	for _, history := range in.historyStates {
		if leaf, ok := in.memory[history.of]; ok {
			kept[history.of] = leaf
		}
	}
	return kept
}

// timeouts is the clock of the interpreter, in seconds, with its timeouts.
type timeouts struct {
	timeoutRules []timeoutRule
	now          int
	running      []runningTimeout // in the order in which they started
}

type timeoutRule struct {
	state, to int
	seconds   int    // if name is empty
	name      string // of a TimeoutFunc
	cycle     []int  // the states of the TimeoutCycle rule that permits it; nil without one
}

type runningTimeout struct {
	rule int // an index of timeoutRules
	due  int
}

// startTimeouts starts the timeouts of a state that is entered.
func (in *interpreter) startTimeouts(s int) {
	for i, rule := range in.timeoutRules {
		if rule.state == s {
			seconds := rule.seconds
			if rule.name != "" {
				seconds = in.userCode.seconds(rule.name)
			}
			in.running = append(in.running, runningTimeout{i, in.now + seconds})
		}
	}
}

// sleep lets time pass and carries out the timeouts that are due meanwhile.
func (in *interpreter) sleep(seconds int) {
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
		if outcome := in.transition(in.timeoutRules[r.rule].to); outcome != "ok" {
			in.ran = append(in.ran, "timeout error "+outcome)
		}
	}
}

// pendingTimeouts returns the running timeouts with the time until they are due.
func (in *interpreter) pendingTimeouts() (all []string) {
	for _, r := range in.running {
		rule := in.timeoutRules[r.rule]
		all = append(all, fmt.Sprint(rule.state, ">", rule.to, " in ", time.Duration(r.due-in.now)*time.Second))
	}
	return all
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
		if in.add(def, fsm.Substates(parent, children...), "substates") {
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
		if in.add(def, rule, "history") {
			in.historyStates[s] = history
		}
	}
}

// drawLocal draws Local rules, most of which Define refuses.
func (in *interpreter) drawLocal(rt *rapid.T, def **fsm.Definition[int]) {
	in.local = make(map[[2]int]bool)
	for from := range len(in.table) {
		for _, to := range in.table[from] {
			if rapid.Bool().Draw(rt, "local") && in.add(def, fsm.Local(from, to), "local") {
				in.local[[2]int{from, to}] = true
			}
		}
	}
}

// drawTimeouts draws timeouts.
func (in *interpreter) drawTimeouts(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	for i := range rapid.IntRange(0, 8).Draw(rt, "timeouts") {
		drawn := timeoutRule{state: drawState(rt, states), to: drawState(rt, states), seconds: rapid.IntRange(1, 8).Draw(rt, "seconds")}
		rule := fsm.Timeout(drawn.state, time.Duration(drawn.seconds)*time.Second, drawn.to)
		if rapid.IntRange(0, 3).Draw(rt, "func") == 0 {
			drawn.name = fmt.Sprint("timeout func ", i)
			rule = fsm.TimeoutFunc(drawn.state, drawn.name, func(context.Context, intTransition) time.Duration {
				return time.Duration(in.userCode.seconds(drawn.name)) * time.Second
			}, drawn.to)
		}
		// A circle that only timeouts leave is permitted if a rule names it.
		for _, cycle := range [][]int{nil, {drawn.state}, {drawn.state, drawn.to}} {
			rules := []fsm.Rule[int]{rule}
			if cycle != nil {
				rules = append(rules, fsm.TimeoutCycle(cycle...))
			}
			if derived, err := (*def).With(rules...); err == nil {
				*def = derived
				drawn.cycle = cycle
				in.timeoutRules = append(in.timeoutRules, drawn)
				break
			}
		}
	}
}
