package fsm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

type (
	intTransition = fsm.Transition[int]
	textEvent     = fsm.Event[string]
)

// randomDefinition draws a definition with rules of every kind, and an interpreter of it.
// Neither has the drawn rules that Define refuses. The definition has timeouts if timed is
// true.
func randomDefinition(rt *rapid.T, u *userCode, timed bool) (*fsm.Definition[int], *interpreter, map[string]textEvent) {
	table := drawTable(rt)
	for s, end := len(table), len(table)+rapid.IntRange(0, 2).Draw(rt, "more states"); s < end; s++ { // some become history states
		table[s] = nil
		from := drawState(rt, s)
		table[from] = append(table[from], s)
	}
	in := &interpreter{table: table, self: make(map[int]string), code: make(map[string]bool), userCode: u}
	def := fsm.MustDefine(0, table, fsm.Finally(func(_ context.Context, _ intTransition, err error) {
		u.add("finally " + outcomeOf(err))
	}), fsm.OnTimeoutError(func(_ context.Context, err *fsm.TransitionError[int]) { u.add("timeout error " + outcomeOf(err)) }))
	in.drawHierarchy(rt, &def)
	in.drawLocal(rt, &def)
	in.drawRules(rt, &def)
	if timed {
		in.drawTimeouts(rt, &def)
	}
	in.state = in.initialLeaf(0)
	for _, s := range slices.Backward(in.order().Lineage(in.state)) {
		in.startTimeouts(s)
	}
	events := make(map[string]textEvent)
	for i := range 4 {
		name := fmt.Sprint("e", i)
		events[name] = fsm.NewEvent[string](name)
	}
	for i := range rapid.IntRange(0, 12).Draw(rt, "event rules") {
		in.drawEventRule(rt, &def, events, i)
	}
	in.drawOffers(rt, &def, events)
	return def, in, events
}

// add adds a rule to the definition, and its code to the interpreter, unless the definition
// refuses the rule.
func (in *interpreter) add(def **fsm.Definition[int], rule fsm.Rule[int], code string) bool {
	derived, err := (*def).With(rule)
	if err != nil {
		return false
	}
	*def, in.code[code] = derived, true
	return true
}

// runs returns the guard or hook of a name.
func (in *interpreter) runs(name string) func(context.Context, intTransition) error {
	return func(context.Context, intTransition) error { return in.userCode.run(name) }
}

// drawRules draws rules for states and edges, at most one for each point.
func (in *interpreter) drawRules(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	for range rapid.IntRange(0, 3).Draw(rt, "edges to itself") {
		s, kind := drawState(rt, states), rapid.SampledFrom([]string{"self", "reenter"}).Draw(rt, "kind")
		rule := map[string]func(int) fsm.Rule[int]{"self": fsm.Self[int], "reenter": fsm.Reenter[int]}[kind](s)
		if in.add(def, rule, kind) {
			in.self[s] = kind
		}
	}
	for range rapid.IntRange(0, 14).Draw(rt, "rules") {
		from, to := drawState(rt, states), drawState(rt, states)
		rules := map[string]func(string) fsm.Rule[int]{
			fmt.Sprint("guard ", to):            func(n string) fsm.Rule[int] { return fsm.Guard(to, n, in.runs(n)) },
			fmt.Sprint("edge guard ", from, to): func(n string) fsm.Rule[int] { return fsm.GuardEdge(from, to, n, in.runs(n)) },
			fmt.Sprint("edge ", from, to):       func(n string) fsm.Rule[int] { return fsm.OnEdge(from, to, in.runs(n)) },
			fmt.Sprint("exit ", from):           func(n string) fsm.Rule[int] { return fsm.OnExit(from, in.runs(n)) },
			fmt.Sprint("enter ", to):            func(n string) fsm.Rule[int] { return fsm.OnEntry(to, in.runs(n)) },
			"before":                            func(n string) fsm.Rule[int] { return fsm.Before(in.runs(n)) },
			"after":                             func(n string) fsm.Rule[int] { return fsm.After(in.runs(n)) },
		}
		names := []string{fmt.Sprint("guard ", to), fmt.Sprint("edge guard ", from, to), fmt.Sprint("edge ", from, to), fmt.Sprint("exit ", from), fmt.Sprint("enter ", to), "before", "after"}
		if name := rapid.SampledFrom(names).Draw(rt, "rule"); !in.code[name] {
			in.add(def, rules[name](name), name)
		}
	}
}

// drawEventRule draws a rule for an event.
func (in *interpreter) drawEventRule(rt *rapid.T, def **fsm.Definition[int], events map[string]textEvent, i int) {
	states := len(in.table)
	b := eventRule{event: fmt.Sprint("e", rapid.IntRange(0, 2).Draw(rt, "event")), name: fmt.Sprint(i)}
	b.kind = rapid.SampledFrom([]string{"on", "on", "on", "choose", "internal", "ignore"}).Draw(rt, "kind")
	e, from := events[b.event], fsm.FromAny[int]()
	if rapid.IntRange(0, 3).Draw(rt, "any") > 0 {
		b.from = rapid.SliceOfNDistinct(rapid.IntRange(0, states-1), 1, min(3, states), rapid.ID[int]).Draw(rt, "from")
		from = fsm.From(b.from...)
	}
	var options []fsm.RuleOption[int, string]
	detail := func(what string, wrap func(func(context.Context, intTransition, string) error) fsm.RuleOption[int, string]) {
		if b.kind != "ignore" && rapid.Bool().Draw(rt, what) {
			name := what + b.name
			options = append(options, wrap(in.typed(rt, b.event, name)))
			in.code[name] = true
		}
	}
	detail("do ", fsm.Do[int, string])
	detail("if ", func(f func(context.Context, intTransition, string) error) fsm.RuleOption[int, string] {
		return fsm.If("own", f)
	})
	in.code["choose "+b.name] = b.kind == "choose"
	rule := fsm.Ignore(e, from)
	switch b.kind {
	case "on":
		b.to = []int{drawState(rt, states)}
		rule = fsm.On(e, from, b.to[0], options...)
	case "choose":
		b.to = rapid.SliceOfNDistinct(rapid.IntRange(0, states-1), 1, min(3, states), rapid.ID[int]).Draw(rt, "to")
		rule = fsm.Choose(e, from, func(context.Context, intTransition, string) (int, error) {
			return in.userCode.choice(b), in.userCode.run("choose " + b.name)
		}, b.to, options...)
	case "internal":
		rule = fsm.Internal(e, from, options...)
	}
	if in.add(def, rule, b.kind) {
		in.eventRules = append(in.eventRules, b)
	}
}

// drawOffers draws OfferToParent rules, of which Define refuses those without effect. Before
// each it draws a rule that may refuse its event in the state, and one for the state around.
func (in *interpreter) drawOffers(rt *rapid.T, def **fsm.Definition[int], events map[string]textEvent) {
	guarded := func(event string, s int, name string) {
		in.code["if "+name] = true
		own := fsm.If("own", in.typed(rt, event, "if "+name))
		if in.add(def, fsm.Internal(events[event], fsm.From(s), own), "internal") {
			in.eventRules = append(in.eventRules, eventRule{event: event, kind: "internal", from: []int{s}, name: name})
		}
	}
	for i := range rapid.IntRange(0, 6).Draw(rt, "offers") {
		event, s := fmt.Sprint("e", rapid.IntRange(0, 2).Draw(rt, "event")), drawState(rt, len(in.table))
		guarded(event, s, fmt.Sprint("offered ", i))
		if parent, ok := in.parent[s]; ok && rapid.Bool().Draw(rt, "parent too") {
			guarded(event, parent, fmt.Sprint("outer ", i))
		}
		if in.add(def, fsm.OfferToParent(events[event], fsm.From(s)), "offer") {
			in.eventRules = append(in.eventRules, eventRule{event: event, kind: "offer", from: []int{s}})
		}
	}
}

// typed returns a guard or hook of an event, which checks its argument.
func (in *interpreter) typed(rt *rapid.T, event, name string) func(context.Context, intTransition, string) error {
	return func(_ context.Context, t intTransition, arg string) error {
		if t.Event != event || arg != "for "+event {
			rt.Fatalf("%s ran for event %q with argument %q, want event %q", name, t.Event, arg, event)
		}
		return in.userCode.run(name)
	}
}

// outcomeOf returns the outcome of a call as the interpreter names it.
func outcomeOf(err error) string {
	failed, _ := errors.AsType[*fsm.TransitionError[int]](err)
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fsm.ErrAborted):
		return "panicked"
	case errors.Is(err, fsm.ErrUnknownEvent):
		return "unknown"
	case errors.Is(err, fsm.ErrUnhandled):
		return "unhandled"
	case errors.Is(err, fsm.ErrVetoed):
		return "vetoed"
	case errors.Is(err, fsm.ErrInvalidTransition):
		return "invalid"
	case failed != nil && failed.Phase < fsm.PhaseExit:
		return failed.Phase.String()
	}
	return "failed"
}

// outcomeOfCall makes a call, which may panic, and returns its outcome.
func outcomeOfCall(call func() error) (outcome string) {
	defer func() {
		if recover() != nil {
			outcome = "panicked"
		}
	}()
	return outcomeOf(call())
}

// For any definition, and for any results of its guards and hooks, machine and interpreter
// return the same outcomes, run the same guards and hooks in the same order, and are in the
// same state. This also holds if the machine is restored between two calls.
func TestMachineAgreesWithInterpreter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func() {
			u := &userCode{seed: rapid.Int().Draw(rt, "first seed")}
			c := &comparison{rt: rt}
			c.def, c.in, c.events = randomDefinition(rt, u, true)
			u.panics = len(c.in.timeoutRules) == 0 && rapid.Bool().Draw(rt, "panics") // a test cannot recover the panic of a timeout
			c.opts = []fsm.Option{fsm.WithHistory(1000)}
			if rapid.Bool().Draw(rt, "lease") {
				c.opts = append(c.opts, fsm.WithWriter(newLease()))
			}
			manual := rapid.Bool().Draw(rt, "manual start")
			if manual {
				c.m = fsm.New(c.def, append(slices.Clone(c.opts), fsm.WithManualStart())...)
			} else {
				c.m = fsm.New(c.def, c.opts...)
			}
			defer func() { _ = c.m.Close(context.Background()) }()
			for manual {
				if rapid.Bool().Draw(rt, "restored before the start") {
					c.restore()
				}
				u.begin(rapid.Int().Draw(rt, "seed"))
				c.in.ran = nil
				cause := rapid.SampledFrom([]string{"", "start"}).Draw(rt, "cause")
				got, want := outcomeOfCall(func() error { return c.m.StartWithCause(context.Background(), cause) }), c.in.start(cause)
				if diff := cmp.Diff(c.in.ran, u.lines()); diff != "" || got != want {
					rt.Fatalf("start: got %s, want %s; ran (-want +got):\n%s", got, want, diff)
				}
				wantSamePath(rt, c.in, c.m)
				wantSameTimeoutsAndMemory(rt, c.in, c.m)
				if manual = c.m.Snapshot().Unstarted; manual && rapid.Bool().Draw(rt, "give up") {
					return
				}
			}
			for range rapid.IntRange(1, 30).Draw(rt, "calls") {
				u.begin(rapid.Int().Draw(rt, "seed"))
				c.in.ran = nil
				got, want := c.call()
				synctest.Wait()
				if diff := cmp.Diff(c.in.ran, u.lines()); diff != "" || got != want {
					rt.Fatalf("got %s, want %s; ran (-want +got):\n%s", got, want, diff)
				}
				wantSamePath(rt, c.in, c.m)
				wantSameTimeoutsAndMemory(rt, c.in, c.m)
			}
		})
	})
}

// comparison is a machine and its interpreter.
type comparison struct {
	rt     *rapid.T
	def    *fsm.Definition[int]
	in     *interpreter
	events map[string]textEvent
	opts   []fsm.Option
	m      *fsm.Machine[int]
}

// call makes the same call on both and returns the outcomes.
func (c *comparison) call() (got, want string) {
	ctx := context.Background()
	switch rapid.IntRange(0, 9).Draw(c.rt, "call") {
	case 0, 1, 2, 3:
		to := rapid.IntRange(-1, len(c.in.table)).Draw(c.rt, "to")
		if next := c.m.Next(); len(next) > 0 && rapid.IntRange(0, 3).Draw(c.rt, "permitted") > 0 {
			to = rapid.SampledFrom(next).Draw(c.rt, "next")
		}
		return outcomeOfCall(func() error { return c.m.Transition(ctx, to) }), c.in.transition(to)
	case 4, 5:
		d := rapid.IntRange(0, 12).Draw(c.rt, "seconds")
		time.Sleep(time.Duration(d) * time.Second)
		c.in.sleep(d)
		return "", ""
	case 6:
		if rapid.Bool().Draw(c.rt, "reset") {
			c.in.reset()
			return outcomeOfCall(func() error { return c.m.Reset(ctx, "") }), "ok"
		}
		c.restore()
		return "", ""
	default:
		name := fmt.Sprint("e", rapid.IntRange(0, 3).Draw(c.rt, "fire"))
		return outcomeOfCall(func() error { return fsm.Fire(ctx, c.m, c.events[name], "for "+name) }), c.in.fire(name)
	}
}

// restore replaces the machine by one that is restored from its snapshot.
func (c *comparison) restore() {
	if err := c.m.Close(context.Background()); err != nil {
		c.rt.Fatal(err)
	}
	data, err := json.Marshal(c.m.Snapshot())
	if err != nil {
		c.rt.Fatal(err)
	}
	s, err := fsm.DecodeSnapshot[int](data)
	if err != nil {
		c.rt.Fatal(err)
	}
	if s.Unstarted || rapid.Bool().Draw(c.rt, "restored at once") {
		c.m, err = fsm.Restore(c.def, s, c.opts...)
	} else if c.m, err = fsm.Restore(c.def, s, append(slices.Clone(c.opts), fsm.WithManualStart())...); err == nil {
		err = c.m.Start(context.Background())
	}
	if err != nil {
		c.rt.Fatal(err)
	}
}

// inBubble runs f in a bubble of testing/synctest. A panic of f leaves the bubble. rapid
// panics to fail a test and to give up an attempt to shrink a failure, and tells panics
// apart by their stack traces, so there are two places that panic.
func inBubble(t *testing.T, rt *rapid.T, f func()) {
	var failed any
	synctest.Test(t, func(*testing.T) {
		defer func() { failed = recover() }()
		f()
	})
	switch {
	case failed != nil && rt.Failed():
		panic(failed)
	case failed != nil:
		panic(failed)
	}
}

// wantSameTimeoutsAndMemory compares the running timeouts and the memory of history
// states.
func wantSameTimeoutsAndMemory(rt *rapid.T, in *interpreter, m *fsm.Machine[int]) {
	s := m.Snapshot()
	var running []string
	for _, p := range s.Timeouts {
		running = append(running, fmt.Sprint(p.State, ">", p.To, " in ", time.Until(p.Due)))
	}
	remembered := make(map[int]int)
	for _, each := range s.HistoryStates {
		remembered[each.Parent] = each.Last
	}
	if diff := cmp.Diff(in.pendingTimeouts(), running) + cmp.Diff(in.remembered(), remembered); diff != "" {
		rt.Fatalf("timeouts and history states (-want +got):\n%s", diff)
	}
}

// wantSamePath compares the state and the history.
func wantSamePath(rt *rapid.T, in *interpreter, m *fsm.Machine[int]) {
	var path []string
	s := m.Snapshot()
	for _, tr := range s.History {
		path = append(path, fmt.Sprint(tr.From, ">", tr.To, " ", tr.Event))
	}
	if diff := cmp.Diff(in.path, path); diff != "" || s.State != in.state || m.State() != in.state {
		rt.Fatalf("in %d, want %d; path (-want +got):\n%s", s.State, in.state, diff)
	}
}

// The finally hooks record the order in which concurrent calls get their turn. The
// interpreter, called in this order, returns the same outcomes.
func TestConcurrentCallersAgreeWithInterpreter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		u := &userCode{seed: rapid.Int().Draw(rt, "seed"), panics: rapid.Bool().Draw(rt, "panics")}
		def, in, events := randomDefinition(rt, u, false)
		var order []string // of the events, in the order of their turns
		def, err := def.With(fsm.Finally(func(_ context.Context, tr intTransition, _ error) { order = append(order, tr.Event) }))
		if err != nil {
			rt.Fatal(err)
		}
		m := fsm.New(def, fsm.WithHistory(1000))
		outcomes := make([]map[string]int, rapid.IntRange(1, 4).Draw(rt, "callers"))
		var done sync.WaitGroup
		for c := range outcomes {
			outcomes[c] = make(map[string]int)
			calls := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 8).Draw(rt, "calls")
			done.Go(func() {
				for _, e := range calls {
					name := fmt.Sprint("e", e)
					outcome := outcomeOfCall(func() error { return fsm.Fire(context.Background(), m, events[name], "for "+name) })
					if !in.ignoredAnywhere(name) || outcome != "ok" { // an ignored event runs no finally hook
						outcomes[c][name+" "+outcome]++
					}
				}
			})
		}
		done.Wait()
		got, want := make(map[string]int), make(map[string]int)
		for _, own := range outcomes {
			for outcome, n := range own {
				got[outcome] += n
			}
		}
		for _, name := range order {
			if outcome := in.fire(name); !in.ignoredAnywhere(name) || outcome != "ok" {
				want[name+" "+outcome]++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("outcomes (-want +got):\n%s", diff)
		}
		wantSamePath(rt, in, m)
	})
}

// ignoredAnywhere reports whether an event is ignored in some state.
func (in *interpreter) ignoredAnywhere(event string) bool {
	for _, b := range in.eventRules {
		if b.event == event && b.kind == "ignore" {
			return true
		}
	}
	return false
}
