package fsm_test

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"
)

// A small interpreter of definitions, written to be obviously right and not to be
// fast: rules are a list, looked through anew for each call, and a call is the
// steps of the order, one after the other.

// interpreted is a definition as data, and a machine on it.
type interpreted struct {
	table    map[int][]int
	self     map[int]string // "self" or "reenter"
	code     map[string]bool
	bindings []bind
	lineages
	clocked

	world *world
	state int
	path  []string // the history: "from>to event"
	ran   []string
}

// bind is one rule for an event.
type bind struct {
	event string
	kind  string // "on", "choose", "internal", "ignore"
	from  []int  // nil is any
	to    []int
	name  string // of its code; "" without any
}

// world decides, for the time of one call, what each piece of user code does.
type world struct {
	mu    sync.Mutex
	seed  int
	ran   []string
	panic bool // it may
}

// turn begins the next call.
func (w *world) turn(seed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seed, w.ran = seed, nil
}

func (w *world) add(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ran = append(w.ran, line)
}

// lines are what ran in a call.
func (w *world) lines() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ran
}

func (w *world) draw(name string, n uint32) uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := fnv.New32a()
	fmt.Fprint(h, w.seed, name)
	return h.Sum32() % n
}

var errPanicked = errors.New("panicked")

// verdict is what a piece of code does: nothing, an error, or a panic.
func (w *world) verdict(name string) error {
	switch w.draw(name, 16) {
	case 0, 1, 2:
		return errBoom
	case 3:
		if w.panic {
			return errPanicked
		}
	}
	return nil
}

// act is the verdict as user code.
func (w *world) act(name string) error {
	w.add(name)
	err := w.verdict(name)
	if err == errPanicked {
		panic(err)
	}
	return err
}

// run is the verdict in the interpreter, if there is such code.
func (in *interpreted) run(name string) error {
	if !in.code[name] {
		return nil
	}
	in.ran = append(in.ran, name)
	return in.world.verdict(name)
}

// edge reports whether a state leads to another, or one around it does.
func (in *interpreted) edge(from, to int) bool { return len(in.levels(from, to)) > 0 }

// levels are the states from one outwards up to the one that has the edge.
func (in *interpreted) levels(from, to int) []int {
	for i, s := range in.chain(from) {
		if slices.Contains(in.table[s], to) || s == to && in.self[s] != "" {
			return in.chain(from)[:i+1]
		}
	}
	return nil
}

// transition is a call for a state. The outcome is one of a few words.
func (in *interpreted) transition(to int) string {
	if !in.edge(in.state, to) {
		return in.finally("invalid")
	}
	if err := in.admitted(to); err != nil {
		return in.finally(word(err, "vetoed"))
	}
	return in.finally(in.take(to, "", ""))
}

// reset goes home, whatever is said.
func (in *interpreted) reset() {
	from := in.state
	in.memory, in.running = nil, nil
	in.state = in.entered(0)
	in.path = append(in.path, fmt.Sprint(from, ">", in.state, " "))
	for _, s := range slices.Backward(in.chain(in.state)) {
		in.start(s)
	}
}

// fire is a call for an event.
func (in *interpreted) fire(event string) string {
	rules := in.rules(event)
	if len(rules) == 0 {
		if slices.ContainsFunc(in.bindings, func(b bind) bool { return b.event == event }) {
			return in.finally("unhandled")
		}
		return in.finally("unknown")
	}
	for _, b := range rules {
		if b.kind == "ignore" {
			return "ok"
		}
		if err := in.run("if " + b.name); err == errPanicked {
			return in.finally("panicked")
		} else if err != nil {
			continue
		}
		if b.kind == "internal" {
			return in.finally(in.stay(b))
		}
		to := b.to[0]
		if b.kind == "choose" {
			if err := in.run("choose " + b.name); err != nil {
				return in.finally(word(err, "failed"))
			}
			if to = in.world.choice(b); !slices.Contains(b.to, to) || !in.edge(in.state, to) {
				return in.finally("invalid")
			}
		}
		if err := in.admitted(to); err == errPanicked {
			return in.finally("panicked")
		} else if err != nil {
			continue
		}
		return in.finally(in.take(to, event, b.name))
	}
	return in.finally("vetoed")
}

// choice is the state that a choose function returns: mostly a declared one.
func (w *world) choice(b bind) int {
	if w.draw("astray", 5) == 0 {
		return int(w.draw(b.name, 6)) - 1
	}
	return b.to[w.draw(b.name, uint32(len(b.to)))]
}

// rules are those for an event in the present state.
func (in *interpreted) rules(event string) (rules []bind) {
	for _, s := range in.chain(in.state) {
		for _, b := range in.bindings {
			if b.event == event && slices.Contains(b.from, s) {
				rules = append(rules, b)
			}
		}
		if len(rules) > 0 {
			return rules
		}
	}
	for _, b := range in.bindings {
		leads := slices.ContainsFunc(b.to, func(to int) bool { return in.edge(in.state, to) })
		if b.event == event && b.from == nil && (leads || b.to == nil) {
			rules = append(rules, b)
		}
	}
	return rules
}

func (in *interpreted) admitted(to int) error {
	for _, s := range in.levels(in.state, to) {
		if err := in.run(fmt.Sprint("edge guard ", s, to)); err != nil {
			return err
		}
	}
	_, down := in.way(to)
	if in.stays(to) {
		down = []int{to}
	}
	for _, s := range down {
		if err := in.run(fmt.Sprint("guard ", s)); err != nil {
			return err
		}
	}
	return nil
}

// take makes a step that has been admitted.
func (in *interpreted) take(to int, event, name string) string {
	if err := in.run("before"); err != nil {
		return word(err, "vetoed")
	}
	up, down := in.way(to)
	var exits, edges, enters []string
	for _, s := range up {
		exits = append(exits, fmt.Sprint("exit ", s))
	}
	for _, s := range in.levels(in.state, to) {
		edges = append(edges, fmt.Sprint("edge ", s, to))
	}
	for _, s := range down {
		enters = append(enters, fmt.Sprint("enter ", s))
	}
	in.move(event, up, down)
	return in.all(slices.Concat(exits, edges, []string{"do " + name}, enters, []string{"after"}))
}

func (in *interpreted) stay(b bind) string {
	if err := in.run("before"); err != nil {
		return word(err, "vetoed")
	}
	return in.all([]string{"do " + b.name, "after"})
}

// all runs hooks to the end, but for a panic.
func (in *interpreted) all(hooks []string) string {
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

func (in *interpreted) finally(outcome string) string {
	in.ran = append(in.ran, "finally "+outcome)
	return outcome
}

func word(err error, otherwise string) string {
	if err == errPanicked {
		return "panicked"
	}
	return otherwise
}
