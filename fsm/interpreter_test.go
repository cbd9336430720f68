package fsm_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
)

// interpreter is a definition as data, and one machine of it. The property tests compare
// machines with it. It is simple, not fast: each call searches the rules in a list and follows
// the documented order from its first point to its last.
type interpreter struct {
	table      map[int][]int
	self       map[int]string  // by state: "self" or "reenter"
	code       map[string]bool // names of the guards and hooks that the definition has
	eventRules []eventRule
	hierarchy
	timeouts

	userCode *userCode
	state    int
	path     []string // the history, each entry as "from>to event"
	ran      []string // the names of the guards and hooks that ran in the call
}

// eventRule is one rule for an event.
type eventRule struct {
	event string
	kind  string // "on", "choose", "internal", "ignore" or "offer"
	from  []int  // nil for FromAny
	to    []int
	name  string // of its guards and hooks
}

// userCode determines the result of each guard and hook in one call, for the machine and the
// interpreter alike.
type userCode struct {
	mu     sync.Mutex
	seed   int
	ran    []string // by the machine
	panics bool     // guards and hooks may panic
}

// begin begins the next call.
func (u *userCode) begin(seed int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seed, u.ran = seed, nil
}

func (u *userCode) add(line string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ran = append(u.ran, line)
}

// lines returns the names of the guards and hooks that the machine ran in the call.
func (u *userCode) lines() []string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.ran
}

// random returns a number below n, which is the same throughout a call.
func (u *userCode) random(name string, n uint32) uint32 {
	u.mu.Lock()
	defer u.mu.Unlock()
	h := fnv.New32a()
	fmt.Fprint(h, u.seed, name)
	return h.Sum32() % n
}

var errPanicked = errors.New("panicked")

// err returns how a guard or hook ends: with nil, an error or, as errPanicked, a panic.
func (u *userCode) err(name string) error {
	switch u.random(name, 16) {
	case 0, 1, 2:
		return errBoom
	case 3:
		if u.panics {
			return errPanicked
		}
	}
	return nil
}

// run is the guard or hook of the machine.
func (u *userCode) run(name string) error {
	u.add(name)
	err := u.err(name)
	if err == errPanicked {
		panic(err)
	}
	return err
}

// seconds returns the duration of a TimeoutFunc.
func (u *userCode) seconds(name string) int { return 1 + int(u.random(name, 6)) }

// choice returns the target that a Choose function returns: mostly a declared one.
func (u *userCode) choice(rule eventRule) int {
	if u.random("undeclared", 5) == 0 {
		return int(u.random(rule.name, 6)) - 1
	}
	return rule.to[u.random(rule.name, uint32(len(rule.to)))]
}

// run runs a guard or hook in the interpreter, if the definition has it.
func (in *interpreter) run(name string) error {
	if !in.code[name] {
		return nil
	}
	in.ran = append(in.ran, name)
	return in.userCode.err(name)
}

// hasEdge reports whether a state, or a state around it, has an edge to a target.
func (in *interpreter) hasEdge(from, to int) bool { return len(in.upToSource(from, to)) > 0 }

// upToSource returns the lineage of a state up to the state that declares the edge to a
// target, or nil if there is no edge.
func (in *interpreter) upToSource(from, to int) []int {
	lineage := in.order().Lineage(from)
	for i, s := range lineage {
		if slices.Contains(in.table[s], to) || s == to && in.self[s] != "" {
			return lineage[:i+1]
		}
	}
	return nil
}

// transition makes a transition and returns its outcome: see outcomeOf.
func (in *interpreter) transition(to int) string {
	if !in.hasEdge(in.state, to) {
		return in.finally("invalid")
	}
	if err := in.runGuards(to); err != nil {
		return in.finally(panickedOr(err, "vetoed"))
	}
	return in.finally(in.complete(to, "", ""))
}

// reset returns to the initial state.
func (in *interpreter) reset() {
	from := in.state
	in.memory, in.running = nil, nil
	in.state = in.initialLeaf(0)
	in.path = append(in.path, fmt.Sprint(from, ">", in.state, " "))
	for _, s := range slices.Backward(in.order().Lineage(in.state)) {
		in.startTimeouts(s)
	}
}

// start enters the initial state, and adds it to the path if it has a cause.
func (in *interpreter) start(cause string) string {
	in.running = nil
	entries := slices.Clone(in.order().Lineage(in.state))
	slices.Reverse(entries)
	for _, s := range entries {
		if err := in.run(fmt.Sprint("guard ", s)); err != nil {
			return in.finally(panickedOr(err, "vetoed"))
		}
	}
	if err := in.run("before"); err != nil {
		return in.finally(panickedOr(err, "vetoed"))
	}
	var hooks []string
	for _, s := range entries {
		in.startTimeouts(s)
		hooks = append(hooks, fmt.Sprint("enter ", s))
	}
	if cause != "" {
		in.path = append(in.path, fmt.Sprint(in.state, ">", in.state, " "))
	}
	return in.finally(in.runHooks(append(hooks, "after")))
}

// fire fires an event and returns the outcome.
func (in *interpreter) fire(event string) string {
	rules := in.rules(event)
	if len(rules) == 0 {
		if slices.ContainsFunc(in.eventRules, func(rule eventRule) bool { return rule.event == event && rule.kind != "offer" }) {
			return in.finally("unhandled")
		}
		return in.finally("unknown")
	}
	for _, rule := range rules {
		if rule.kind == "ignore" {
			return "ok"
		}
		if err := in.run("if " + rule.name); err == errPanicked {
			return in.finally("panicked")
		} else if err != nil {
			continue
		}
		if rule.kind == "internal" {
			return in.finally(in.handleInPlace(rule))
		}
		to := rule.to[0]
		if rule.kind == "choose" {
			if err := in.run("choose " + rule.name); err != nil {
				return in.finally(panickedOr(err, "failed"))
			}
			if to = in.userCode.choice(rule); !slices.Contains(rule.to, to) || !in.hasEdge(in.state, to) {
				return in.finally("invalid")
			}
		}
		if err := in.runGuards(to); err == errPanicked {
			return in.finally("panicked")
		} else if err != nil {
			continue
		}
		return in.finally(in.complete(to, event, rule.name))
	}
	return in.finally("vetoed")
}

// rules returns the rules for an event in the present state, and those that an offer to the
// parent adds.
func (in *interpreter) rules(event string) (rules []eventRule) {
	for _, s := range in.order().Lineage(in.state) {
		found, offered := false, false
		for _, rule := range in.eventRules {
			switch {
			case rule.event != event || !slices.Contains(rule.from, s):
			case rule.kind == "offer":
				offered = true
			default:
				rules, found = append(rules, rule), true
			}
		}
		if found && !offered {
			return rules
		}
	}
	for _, rule := range in.eventRules {
		leads := slices.ContainsFunc(rule.to, func(to int) bool { return in.hasEdge(in.state, to) })
		if rule.event == event && rule.from == nil && (leads || rule.to == nil) {
			rules = append(rules, rule)
		}
	}
	return rules
}

// runGuards runs the guards of a transition until one refuses.
func (in *interpreter) runGuards(to int) error {
	for _, s := range in.upToSource(in.state, to) {
		if err := in.run(fmt.Sprint("edge guard ", s, to)); err != nil {
			return err
		}
	}
	_, entries := in.exitsAndEntries(to)
	if in.isSelf(to) {
		entries = []int{to}
	}
	for _, s := range entries {
		if err := in.run(fmt.Sprint("guard ", s)); err != nil {
			return err
		}
	}
	return nil
}

// complete makes the rest of a transition once its guards have passed.
func (in *interpreter) complete(to int, event, name string) string {
	if err := in.run("before"); err != nil {
		return panickedOr(err, "vetoed")
	}
	exits, entries := in.exitsAndEntries(to)
	var exitHooks, edgeHooks, entryHooks []string
	for _, s := range exits {
		exitHooks = append(exitHooks, fmt.Sprint("exit ", s))
	}
	for _, s := range in.upToSource(in.state, to) {
		edgeHooks = append(edgeHooks, fmt.Sprint("edge ", s, to))
	}
	for _, s := range entries {
		entryHooks = append(entryHooks, fmt.Sprint("enter ", s))
	}
	in.commit(event, exits, entries)
	return in.runHooks(slices.Concat(exitHooks, edgeHooks, []string{"do " + name}, entryHooks, []string{"after"}))
}

// handleInPlace handles an event with an Internal rule.
func (in *interpreter) handleInPlace(rule eventRule) string {
	if err := in.run("before"); err != nil {
		return panickedOr(err, "vetoed")
	}
	return in.runHooks([]string{"do " + rule.name, "after"})
}

// runHooks runs all hooks after a commit. Only a panic ends it early.
func (in *interpreter) runHooks(hooks []string) string {
	outcome := "ok"
	for _, hook := range hooks {
		if err := in.run(hook); err == errPanicked {
			return "panicked"
		} else if err != nil {
			outcome = "failed"
		}
	}
	return outcome
}

// finally runs the finally hook.
func (in *interpreter) finally(outcome string) string {
	in.ran = append(in.ran, "finally "+outcome)
	return outcome
}

func panickedOr(err error, outcome string) string {
	if err == errPanicked {
		return "panicked"
	}
	return outcome
}
