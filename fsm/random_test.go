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
	number = fsm.Transition[int]
	chosen = fsm.Event[string]
)

// randomDefinition draws a definition with all features on, and the same as data.
// A rule that the definition refuses is left out of both. Only a timed one has timeouts.
func randomDefinition(rt *rapid.T, w *world, timed bool) (*fsm.Definition[int], *interpreted, map[string]chosen) {
	table := tables(rt)
	for s, end := len(table), len(table)+rapid.IntRange(0, 2).Draw(rt, "more states"); s < end; s++ { // for history states, maybe
		table[s] = nil
		from := pick(rt, s)
		table[from] = append(table[from], s)
	}
	in := &interpreted{table: table, self: make(map[int]string), code: make(map[string]bool), world: w}
	def := fsm.MustDefine(0, table, fsm.Finally(func(_ context.Context, _ number, err error) {
		w.add("finally " + said(err))
	}), fsm.OnTimeoutError(func(_ context.Context, err *fsm.TransitionError[int]) { w.add("late " + said(err)) }))
	in.nest(rt, &def)
	in.draw(rt, &def)
	if timed {
		in.limit(rt, &def)
	}
	in.state = in.entered(0)
	for _, s := range slices.Backward(in.chain(in.state)) {
		in.start(s)
	}
	events := make(map[string]chosen)
	for i := range 4 {
		name := fmt.Sprint("e", i)
		events[name] = fsm.NewEvent[string](name)
	}
	for i := range rapid.IntRange(0, 12).Draw(rt, "bindings") {
		in.bind(rt, &def, events, i)
	}
	return def, in, events
}

// add takes a rule over, if the definition does.
func (in *interpreted) add(def **fsm.Definition[int], rule fsm.Rule[int], code string) bool {
	derived, err := (*def).With(rule)
	if err != nil {
		return false
	}
	*def, in.code[code] = derived, true
	return true
}

func (in *interpreted) does(name string) func(context.Context, number) error {
	return func(context.Context, number) error { return in.world.act(name) }
}

// draw draws rules about states and edges. Those of the same place are given once.
func (in *interpreted) draw(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	for range rapid.IntRange(0, 3).Draw(rt, "selves") {
		s, kind := pick(rt, states), rapid.SampledFrom([]string{"self", "reenter"}).Draw(rt, "kind")
		rule := map[string]func(int) fsm.Rule[int]{"self": fsm.Self[int], "reenter": fsm.Reenter[int]}[kind](s)
		if in.add(def, rule, kind) {
			in.self[s] = kind
		}
	}
	for range rapid.IntRange(0, 14).Draw(rt, "rules") {
		from, to := pick(rt, states), pick(rt, states)
		rules := map[string]func(string) fsm.Rule[int]{
			fmt.Sprint("guard ", to):            func(n string) fsm.Rule[int] { return fsm.Guard(to, n, in.does(n)) },
			fmt.Sprint("edge guard ", from, to): func(n string) fsm.Rule[int] { return fsm.GuardEdge(from, to, n, in.does(n)) },
			fmt.Sprint("edge ", from, to):       func(n string) fsm.Rule[int] { return fsm.OnEdge(from, to, in.does(n)) },
			fmt.Sprint("exit ", from):           func(n string) fsm.Rule[int] { return fsm.OnExit(from, in.does(n)) },
			fmt.Sprint("enter ", to):            func(n string) fsm.Rule[int] { return fsm.OnEntry(to, in.does(n)) },
			"before":                            func(n string) fsm.Rule[int] { return fsm.Before(in.does(n)) },
			"after":                             func(n string) fsm.Rule[int] { return fsm.After(in.does(n)) },
		}
		names := []string{fmt.Sprint("guard ", to), fmt.Sprint("edge guard ", from, to), fmt.Sprint("edge ", from, to), fmt.Sprint("exit ", from), fmt.Sprint("enter ", to), "before", "after"}
		if name := rapid.SampledFrom(names).Draw(rt, "rule"); !in.code[name] {
			in.add(def, rules[name](name), name)
		}
	}
}

// bind draws a rule for an event.
func (in *interpreted) bind(rt *rapid.T, def **fsm.Definition[int], events map[string]chosen, i int) {
	states := len(in.table)
	b := bind{event: fmt.Sprint("e", rapid.IntRange(0, 2).Draw(rt, "event")), name: fmt.Sprint(i)}
	b.kind = rapid.SampledFrom([]string{"on", "on", "on", "choose", "internal", "ignore"}).Draw(rt, "kind")
	e, from := events[b.event], fsm.FromAny[int]()
	if rapid.IntRange(0, 3).Draw(rt, "any") > 0 {
		b.from = rapid.SliceOfNDistinct(rapid.IntRange(0, states-1), 1, min(3, states), rapid.ID[int]).Draw(rt, "from")
		from = fsm.From(b.from...)
	}
	var details []fsm.RuleOption[int, string]
	detail := func(what string, wrap func(func(context.Context, number, string) error) fsm.RuleOption[int, string]) {
		if b.kind != "ignore" && rapid.Bool().Draw(rt, what) {
			name := what + b.name
			details = append(details, wrap(in.typed(rt, b.event, name)))
			in.code[name] = true
		}
	}
	detail("do ", fsm.Do[int, string])
	detail("if ", func(f func(context.Context, number, string) error) fsm.RuleOption[int, string] {
		return fsm.If("own", f)
	})
	in.code["choose "+b.name] = b.kind == "choose"
	rule := fsm.Ignore(e, from)
	switch b.kind {
	case "on":
		b.to = []int{pick(rt, states)}
		rule = fsm.On(e, from, b.to[0], details...)
	case "choose":
		b.to = rapid.SliceOfNDistinct(rapid.IntRange(0, states-1), 1, min(3, states), rapid.ID[int]).Draw(rt, "to")
		rule = fsm.Choose(e, from, func(context.Context, number, string) (int, error) {
			return in.world.choice(b), in.world.act("choose " + b.name)
		}, b.to, details...)
	case "internal":
		rule = fsm.Internal(e, from, details...)
	}
	if in.add(def, rule, b.kind) {
		in.bindings = append(in.bindings, b)
	}
}

// typed is code that also checks its argument.
func (in *interpreted) typed(rt *rapid.T, event, name string) func(context.Context, number, string) error {
	return func(_ context.Context, t number, arg string) error {
		if t.Event != event || arg != "for "+event {
			rt.Fatalf("%s runs for %q with %q, want %q", name, t.Event, arg, event)
		}
		return in.world.act(name)
	}
}

// said is an outcome in the interpreter's words.
func said(err error) string {
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

// ask makes a call that may panic.
func ask(call func() error) (outcome string) {
	defer func() {
		if recover() != nil {
			outcome = "panicked"
		}
	}()
	return said(call())
}

// Whatever the definition, and whatever its code does: the machine does what the
// interpreter does, runs the same code in the same order, and is where it is; also if
// it is put away and taken up again in between.
func TestMachineAgreesWithTheInterpreter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, rt, func() {
			w := &world{seed: rapid.Int().Draw(rt, "first seed")}
			r := &rivals{rt: rt, world: w}
			r.def, r.in, r.events = randomDefinition(rt, w, true)
			w.panic = len(r.in.limits) == 0 && rapid.Bool().Draw(rt, "panics") // of a timeout nobody could recover
			r.opts = []fsm.Option{fsm.WithHistory(1000)}
			if rapid.Bool().Draw(rt, "lease") {
				r.opts = append(r.opts, fsm.WithWriter(newLease()))
			}
			r.m = fsm.New(r.def, r.opts...)
			defer func() { _ = r.m.Close(context.Background()) }()
			for range rapid.IntRange(1, 30).Draw(rt, "calls") {
				w.turn(rapid.Int().Draw(rt, "seed"))
				r.in.ran = nil
				got, want := r.call()
				synctest.Wait()
				if diff := cmp.Diff(r.in.ran, w.lines()); diff != "" || got != want {
					rt.Fatalf("got %s, want %s; ran (-want +got):\n%s", got, want, diff)
				}
				wantSamePath(rt, r.in, r.m)
				wantSameStanding(rt, r.in, r.m)
			}
		})
	})
}

// rivals are a machine and the interpreter.
type rivals struct {
	rt     *rapid.T
	world  *world
	def    *fsm.Definition[int]
	in     *interpreted
	events map[string]chosen
	opts   []fsm.Option
	m      *fsm.Machine[int]
}

// call asks both for the same.
func (r *rivals) call() (got, want string) {
	ctx := context.Background()
	switch rapid.IntRange(0, 9).Draw(r.rt, "call") {
	case 0, 1, 2, 3:
		to := rapid.IntRange(-1, len(r.in.table)).Draw(r.rt, "to")
		if next := r.m.Next(); len(next) > 0 && rapid.IntRange(0, 3).Draw(r.rt, "stray") > 0 {
			to = rapid.SampledFrom(next).Draw(r.rt, "next")
		}
		return ask(func() error { return r.m.Transition(ctx, to) }), r.in.transition(to)
	case 4, 5:
		d := rapid.IntRange(0, 12).Draw(r.rt, "seconds")
		time.Sleep(time.Duration(d) * time.Second)
		r.in.pass(d)
		return "", ""
	case 6:
		if rapid.Bool().Draw(r.rt, "reset") {
			r.in.reset()
			return ask(func() error { return r.m.Reset(ctx, "") }), "ok"
		}
		r.reopen()
		return "", ""
	default:
		name := fmt.Sprint("e", rapid.IntRange(0, 3).Draw(r.rt, "fire"))
		return ask(func() error { return fsm.Fire(ctx, r.m, r.events[name], "for "+name) }), r.in.fire(name)
	}
}

// reopen puts the machine away and takes it up again.
func (r *rivals) reopen() {
	if err := r.m.Close(context.Background()); err != nil {
		r.rt.Fatal(err)
	}
	data, err := json.Marshal(r.m.Snapshot())
	if err != nil {
		r.rt.Fatal(err)
	}
	s, err := fsm.DecodeSnapshot[int](data)
	if err != nil {
		r.rt.Fatal(err)
	}
	if r.m, err = fsm.Restore(r.def, s, r.opts...); err != nil {
		r.rt.Fatal(err)
	}
}

// inBubble runs f where time is virtual. What f panics with comes out of it: a verdict
// at another line than what ends rapid's attempts to simplify one, which it tells apart
// by where they come from.
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

// wantSameStanding compares what runs and what is remembered.
func wantSameStanding(rt *rapid.T, in *interpreted, m *fsm.Machine[int]) {
	s := m.Snapshot()
	var running []string
	for _, p := range s.Timeouts {
		running = append(running, fmt.Sprint(p.State, ">", p.To, " in ", time.Until(p.Due)))
	}
	remembered := make(map[int]int)
	for _, each := range s.HistoryStates {
		remembered[each.State] = each.Last
	}
	if diff := cmp.Diff(in.dues(), running) + cmp.Diff(in.remembered(), remembered); diff != "" {
		rt.Fatalf("timeouts and memory (-want +got):\n%s", diff)
	}
}

func wantSamePath(rt *rapid.T, in *interpreted, m *fsm.Machine[int]) {
	var path []string
	s := m.Snapshot()
	for _, tr := range s.History {
		path = append(path, fmt.Sprint(tr.From, ">", tr.To, " ", tr.Event))
	}
	if diff := cmp.Diff(in.path, path); diff != "" || s.State != in.state || m.State() != in.state {
		rt.Fatalf("in %d, want %d; path (-want +got):\n%s", s.State, in.state, diff)
	}
}

// The same with callers beside each other: replayed in the order of the outcomes,
// which the finally hook knows, the interpreter says the same.
func TestConcurrentCallersAgreeWithTheInterpreter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{seed: rapid.Int().Draw(rt, "seed"), panic: rapid.Bool().Draw(rt, "panics")}
		def, in, events := randomDefinition(rt, w, false)
		var order []string // of the events, as their turns came
		def, err := def.With(fsm.Finally(func(_ context.Context, tr number, _ error) { order = append(order, tr.Event) }))
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
					outcome := ask(func() error { return fsm.Fire(context.Background(), m, events[name], "for "+name) })
					if !in.ignoredAnywhere(name) || outcome != "ok" { // no finally hook tells of what is ignored
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

func (in *interpreted) ignoredAnywhere(event string) bool {
	for _, b := range in.bindings {
		if b.event == event && b.kind == "ignore" {
			return true
		}
	}
	return false
}
