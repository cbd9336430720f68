package fsm_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/fsm"
)

// interpreter is a definition as data, and one machine of it. The property tests compare
// machines with it. It is simple, not fast: each call searches the rules in a list and follows
// the documented order from its first point to its last.
type interpreter struct {
	table      map[int][]int
	self       map[int]string  // by state: "self" or "reenter"
	code       map[string]bool // names of the user code that the definition and the options have
	eventRules []eventRule
	hierarchy
	timeoutRules []*timeoutRule
	unhandled    bool              // there is an OnUnhandled rule
	encodes      bool              // there is an Encode rule
	given        [][]fsm.Rule[int] // the rules that Define accepts

	// The machine.
	record
	now      int // in seconds, or in nanoseconds
	second   int // of a timeout, in the unit of now; 1 if it is 0
	paused   bool
	closed   bool
	queue    []queuedRequest
	room     int  // of the queue; 0 without one
	dropping bool // the queue
	told     []string
	store    *simpleStore // nil without a writer

	// The present step.
	script  script
	ran     []string // what its user code did
	reached map[string]int
	kept    *record // the snapshot that user code took last

	// The present change.
	ctx       *callContext
	from, at  int
	committed bool
}

// record is what a snapshot has of a machine.
type record struct {
	state, since, number int
	unstarted            bool
	limit                int
	past                 []string    // the newest transitions, at most limit of them
	memory               map[int]int // by state that has a history state and was exited: the leaf at that time
	running              []runningTimeout
}

type runningTimeout struct {
	rule *timeoutRule
	due  int
}

func (r record) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d since %d, number %d, unstarted %v, %q, memory %v, timeouts", r.state, r.since, r.number, r.unstarted, r.past, r.memory)
	for _, each := range r.running {
		fmt.Fprintf(&b, " %d>%d in %d", each.rule.state, each.rule.to, each.due)
	}
	return b.String()
}

// trim drops the oldest transitions beyond the limit.
func (r *record) trim() { r.past = slices.Clone(r.past[max(0, len(r.past)-r.limit):]) }

// simpleStore is the writer of the interpreter.
type simpleStore struct {
	ended  bool
	value  *record // nil before the first
	doubt  *record // may have been stored; nil if that is settled
	script *script
}

func (s *simpleStore) settle() {
	if s.doubt != nil && s.script.random("settled", 2) == 0 {
		s.value = s.doubt
	}
	s.doubt = nil
}

// eventRule is one rule for an event.
type eventRule struct {
	event string
	kind  string // "on", "choose", "internal", "ignore" or "offer"
	from  []int  // nil for FromAny
	to    []int
	name  string // of its guards and hooks
}

// callContext is the context of a call or, if it has no caller, of a timeout.
type callContext struct {
	caller  bool
	why     string // why it has ended, if it has
	limited bool
	ends    int // in seconds; the deadline is half a second after
}

func (c *callContext) err(now int) string {
	if c.why == "" && c.limited && now > c.ends {
		c.why = "deadline"
	}
	return c.why
}

// request is a change that is asked for.
type request struct {
	kind    string // "transition", "event", "reset", "start" or "timeout"
	to      int
	event   string
	cause   string
	timeout *timeoutRule
}

type queuedRequest struct {
	ctx *callContext
	request
}

var errPanicked = errors.New("panicked")

// begin begins the next step.
func (in *interpreter) begin(seed int) {
	in.script.seed, in.script.runs, in.ran = seed, make(map[string]int), nil
}

func (in *interpreter) note(line string) { in.ran = append(in.ran, line) }

// run runs user code, if the definition has it. It panics with errPanicked if that code does
// not return.
func (in *interpreter) run(name string) error {
	if !in.code[name] {
		return nil
	}
	d := in.script.next(name)
	in.reached[strings.TrimRight(name, "-0123456789 ")+" "+d.ending]++
	if name != "err" && in.ctx.err(in.now) != "" {
		in.reached["code with an ended context"]++
		name += ", context ended"
	}
	in.note(name)
	if d.looks {
		kept := in.record
		in.kept = &kept
		in.note(in.record.String())
	}
	if d.cancels && in.ctx.caller && in.ctx.err(in.now) == "" {
		in.ctx.why = "canceled"
	}
	if d.calls != "" {
		outcome := in.ask(d)
		in.reached["from within: "+outcome]++
		in.note(fmt.Sprint(d.calls, ": ", outcome))
	}
	if d.sleeps {
		in.now++
	}
	switch d.ending {
	case "error":
		return errBoom
	case "panic", "goexit":
		panic(errPanicked)
	}
	return nil
}

// ask asks for a change from within user code.
func (in *interpreter) ask(d deed) string {
	why := in.ctx.err(in.now)
	switch {
	case why != "":
		return why
	case in.room == 0:
		return "reentrant"
	case in.dropping:
		return "panicked"
	case len(in.queue) == in.room:
		return "full"
	}
	r := request{kind: d.calls, cause: "from within"}
	switch d.calls {
	case "transition":
		r.to = d.to
	case "event":
		r.event, r.cause = d.event, ""
	}
	in.queue = append(in.queue, queuedRequest{in.ctx, r})
	return "ok"
}

// returns reports whether code returns, rather than ends with errPanicked.
func returns(code func()) (returned bool) {
	defer func() {
		if !returned && recover() != errPanicked {
			panic("the interpreter failed")
		}
	}()
	code()
	return true
}

// turn runs code with the turn, or a timeout within one. If that does not return, the queue is
// dropped.
func (in *interpreter) turn(code func()) (returned bool) {
	returned = returns(code)
	in.dropping = true
	for len(in.queue) > 0 {
		in.reached["dropped"]++
		next := in.take()
		returns(func() { in.report(next.ctx, "panicked") })
	}
	in.dropping = false
	return returned
}

// call is a call for a change: it waits for its turn, if it is not the first, and timeouts that
// are overdue by then go first.
func (in *interpreter) call(ctx *callContext, r request) string {
	return in.inTurn(ctx, func() string {
		outcome := in.perform(ctx, r)
		in.drain()
		return outcome
	})
}

// drain runs the queued changes, until there are no more.
func (in *interpreter) drain() {
	for len(in.queue) > 0 {
		next := in.take()
		outcome := next.ctx.err(in.now)
		if outcome == "" {
			outcome = in.perform(next.ctx, next.request)
		}
		in.reached["queued: "+outcome]++
		if outcome != "ok" {
			in.report(next.ctx, outcome)
		}
	}
}

// inTurn runs code in a turn of a caller.
func (in *interpreter) inTurn(ctx *callContext, run func() string) (outcome string) {
	if why := ctx.err(in.now); why != "" {
		return why
	}
	returned := in.turn(func() {
		now := in.now
		for range len(in.running) {
			if !in.expire(now) {
				break
			}
			in.reached["overdue timeout"]++
		}
		if outcome = "closed"; !in.closed {
			outcome = run()
		}
	})
	if !returned {
		return "panicked"
	}
	return outcome
}

func (in *interpreter) take() queuedRequest {
	next := in.queue[0]
	in.queue = in.queue[1:]
	return next
}

// report tells the function of WithQueue of an error.
func (in *interpreter) report(ctx *callContext, outcome string) {
	in.ctx = ctx
	in.note("failed: " + outcome)
	_ = in.run("failed")
}

// detach takes the machine off its writer.
func (in *interpreter) detach(ctx *callContext) string {
	return in.inTurn(ctx, func() string {
		if in.store == nil {
			return "ok"
		}
		if !in.writerEnded() {
			return "attached"
		}
		in.store = nil
		return "ok"
	})
}

func (in *interpreter) writerEnded() bool {
	if in.run("err") != nil {
		in.store.ended = true
	}
	return in.store.ended
}

// perform makes a change that has its turn.
func (in *interpreter) perform(ctx *callContext, r request) (outcome string) {
	in.ctx, in.at, in.from = ctx, in.now, in.state
	switch {
	case r.kind != "start" && (in.paused || in.unstarted):
		return "not started"
	case r.kind == "start" && in.paused:
		if in.store != nil && in.writerEnded() {
			return "ended"
		}
		in.paused = false
		return "ok"
	case r.kind == "start" && !in.unstarted:
		return "started"
	}
	outcome = "panicked"
	in.committed = false
	returned := returns(func() { outcome = in.steps(r) })
	in.reached[r.kind+": "+outcome]++
	if r.kind == "timeout" && !in.committed { // refused
		in.running = slices.DeleteFunc(slices.Clone(in.running), func(each runningTimeout) bool { return each.rule == r.timeout })
	}
	if outcome == "ignored" {
		return "ok"
	}
	if r.kind != "reset" {
		in.note("finally " + outcome)
		_ = in.run("finally")
	}
	if !returned {
		panic(errPanicked)
	}
	return outcome
}

// steps makes a change up to its hooks and returns its outcome: see outcomeOf.
func (in *interpreter) steps(r request) string {
	if in.store != nil && in.writerEnded() {
		return "ended"
	}
	var exits, entries []int
	var hooks []string
	switch r.kind {
	case "start", "reset":
		entries = in.order().Lineage(in.initialLeaf(0))
		slices.Reverse(entries)
	case "transition", "timeout":
		if !in.hasEdge(in.state, r.to) {
			return "invalid"
		}
	case "event":
		rule, to, outcome := in.resolve(r.event)
		if rule == nil {
			return outcome
		}
		if rule.kind == "internal" {
			if in.run("before") != nil {
				return "vetoed"
			}
			return in.runHooks([]string{"do " + rule.name, "after"})
		}
		r.to, hooks = to, []string{"do " + rule.name}
	}
	switch r.kind {
	case "start":
		if !in.pass(entries) {
			return "vetoed"
		}
		for _, s := range entries {
			hooks = append(hooks, fmt.Sprint("enter ", s))
		}
	case "transition", "timeout":
		if !in.passEdge(r.to) {
			return "vetoed"
		}
		fallthrough
	case "event":
		exits, entries = in.exitsAndEntries(r.to)
		var before, after []string
		for _, s := range exits {
			before = append(before, fmt.Sprint("exit ", s))
		}
		for _, s := range in.upToSource(in.state, r.to) {
			before = append(before, fmt.Sprint("edge ", s, r.to))
		}
		for _, s := range entries {
			after = append(after, fmt.Sprint("enter ", s))
		}
		hooks = slices.Concat(before, hooks, after)
	}
	if r.kind != "reset" {
		if in.run("before") != nil {
			return "vetoed"
		}
		hooks = append(hooks, "after")
	} else {
		hooks = nil
	}

	next, entry := in.after(r, exits, entries)
	outcome := "ok"
	returned := returns(func() {
		broken := false
		if in.store == nil {
			in.commit(next)
		} else if broken = in.write(next); !in.committed {
			outcome = "write"
			return
		}
		if outcome = in.runHooks(hooks); broken {
			outcome = "failed"
		}
	})
	if in.committed && entry != "" {
		in.told = append(in.told, entry)
	}
	if !returned {
		panic(errPanicked)
	}
	return outcome
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

// resolve returns the rule that an event takes, with its target, or the outcome without one.
func (in *interpreter) resolve(event string) (taken *eventRule, to int, outcome string) {
	rules := in.rules(event)
	switch known := slices.ContainsFunc(in.eventRules, func(rule eventRule) bool { return rule.event == event && rule.kind != "offer" }); {
	case len(rules) > 0:
	case in.unhandled && in.run("unhandled") != nil:
		return nil, 0, "failed"
	case in.unhandled:
		return nil, 0, "ok"
	case known:
		return nil, 0, "unhandled"
	default:
		return nil, 0, "unknown"
	}
	for i, rule := range rules {
		if rule.kind == "ignore" {
			return nil, 0, "ignored"
		}
		if in.run("if "+rule.name) != nil {
			continue
		}
		if rule.kind == "internal" {
			return &rules[i], 0, ""
		}
		to := rule.to[0]
		if rule.kind == "choose" {
			if in.run("choose "+rule.name) != nil {
				return nil, 0, "failed"
			}
			if to = in.script.choice(rule); !slices.Contains(rule.to, to) || !in.hasEdge(in.state, to) {
				return nil, 0, "invalid"
			}
		}
		if in.passEdge(to) {
			return &rules[i], to, ""
		}
	}
	return nil, 0, "vetoed"
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

// passEdge asks the guards of a transition until one refuses.
func (in *interpreter) passEdge(to int) bool {
	for _, s := range in.upToSource(in.state, to) {
		if in.run(fmt.Sprint("edge guard ", s, to)) != nil {
			return false
		}
	}
	_, entries := in.exitsAndEntries(to)
	if in.isSelf(to) {
		entries = []int{to}
	}
	return in.pass(entries)
}

// pass asks the guards of states that are entered.
func (in *interpreter) pass(entries []int) bool {
	return !slices.ContainsFunc(entries, func(s int) bool { return in.run(fmt.Sprint("guard ", s)) != nil })
}

// after returns the machine as it is after a change, and the entry in its history, if any.
func (in *interpreter) after(r request, exits, entries []int) (next record, entry string) {
	next = in.record
	next.unstarted, next.memory, next.running = false, nil, nil
	if r.kind != "start" && r.kind != "reset" {
		next.memory = maps.Clone(in.memory)
		for _, history := range in.historyStates {
			if slices.Contains(exits, history.of) {
				if next.memory == nil {
					next.memory = make(map[int]int)
				}
				next.memory[history.of] = in.from
			}
		}
		for _, each := range in.running {
			if each.rule != r.timeout && !slices.Contains(exits, each.rule.state) {
				next.running = append(next.running, each)
			}
		}
	}
	if len(entries) > 0 {
		next.state, next.since = entries[len(entries)-1], in.at
	}
	for _, s := range entries {
		next.running = append(next.running, in.timeoutsOf(s, in.at)...)
	}
	if r.kind != "start" || r.cause != "" {
		kind := map[string]string{"start": "start", "reset": "forced"}[r.kind]
		next.number++
		entry = past(next.number, in.from, next.state, r.event, r.cause, kind, in.at)
		next.past = append(slices.Clone(in.past), entry)
		next.trim()
	}
	return next, entry
}

// timeoutsOf returns the timeouts of a state that is entered.
func (in *interpreter) timeoutsOf(s, at int) (started []runningTimeout) {
	for _, rule := range in.timeoutRules {
		if rule.state == s {
			seconds := rule.seconds
			if rule.name != "" {
				_ = in.run(rule.name)
				seconds = in.script.seconds(rule.name)
			}
			started = append(started, runningTimeout{rule, at + seconds*max(in.second, 1)})
		}
	}
	return started
}

func (in *interpreter) commit(next record) { in.record, in.committed = next, true }

// write has the store write the machine as it will be, and commit it. It returns whether the
// store fails after the commit.
func (in *interpreter) write(next record) (broken bool) {
	if in.run("write") != nil || in.ctx.err(in.now) != "" {
		return false
	}
	in.store.settle()
	if in.run("encode") != nil {
		return false
	}
	fault := in.script.next("store").fault
	in.reached["store: "+fault]++
	switch fault {
	case "in doubt":
		in.store.doubt = &next
		return false
	case "lost", "conflict", "no commit":
		return false
	}
	in.store.value = &next
	in.commit(next)
	return in.run("committed") != nil
}

// runHooks runs all hooks after a commit. Only a panic ends it early.
func (in *interpreter) runHooks(hooks []string) string {
	outcome := "ok"
	for _, hook := range hooks {
		if in.run(hook) != nil {
			outcome = "failed"
		}
	}
	return outcome
}

// expire carries out the timeout that is due first, if it is due.
func (in *interpreter) expire(now int) bool {
	first := in.first()
	if in.closed || in.paused || in.unstarted || first < 0 || in.running[first].due > now {
		return false
	}
	rule := in.running[first].rule
	ctx := new(callContext)
	returned := in.turn(func() {
		outcome := in.perform(ctx, request{kind: "timeout", to: rule.to, timeout: rule, cause: rule.cause()})
		if outcome != "ok" {
			in.ctx = ctx
			in.note("timeout error " + outcome)
			_ = in.run("timeout error")
			if in.store != nil {
				_ = in.run("writer told")
			}
		}
		in.drain()
	})
	if ctx.why = "canceled"; !returned { // the context of a timeout ends with it
		panic(errPanicked)
	}
	return true
}

// first is the place of the timeout that is due first; of several, the one started first.
func (in *interpreter) first() int {
	first := -1
	for i, each := range in.running {
		if first < 0 || each.due < in.running[first].due {
			first = i
		}
	}
	return first
}

// sleep lets time pass and carries out the timeouts that are due meanwhile.
func (in *interpreter) sleep(until int) {
	for !in.closed && !in.paused && !in.unstarted {
		first := in.first()
		if first < 0 || in.running[first].due > max(until, in.now) {
			break
		}
		in.now = max(in.now, in.running[first].due)
		in.turn(func() { in.expire(in.now) })
	}
	in.now = max(in.now, until)
}
