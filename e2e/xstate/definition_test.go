package xstate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// recorder connects the guards and hooks of a definition with a machine and its present step.
type recorder struct {
	m   *fsm.Machine[int]
	now atomic.Pointer[record] // of the step; atomic, as timeouts have goroutines of their own
}

type record struct {
	arg    uint
	budget int // how many events hooks may still fire
	trace  []string
}

func (r *recorder) add(line string) { r.now.Load().trace = append(r.now.Load().trace, line) }

type hook = func(context.Context, fsm.Transition[int]) error

var (
	errRefused = errors.New("refused")
	errChoice  = errors.New("no choice")

	// fsmEvents are the events of all definitions.
	fsmEvents = func() map[string]fsm.Event[uint] {
		all := make(map[string]fsm.Event[uint])
		for _, name := range events {
			all[name] = fsm.NewEvent[uint](name)
		}
		return all
	}()
)

func passes(guards []int, arg uint) error {
	for _, bit := range guards {
		if arg>>bit&1 == 0 {
			return errRefused
		}
	}
	return nil
}

// note returns a hook that writes a line, and fires an event if there is one.
func (r *recorder) note(line string, event raised) hook {
	return func(ctx context.Context, _ fsm.Transition[int]) error {
		r.add(line)
		now := r.now.Load()
		if event.Event == "" || now.budget == 0 {
			return nil
		}
		now.budget--
		return fsm.Fire(ctx, r.m, fsmEvents[event.Event], event.Arg)
	}
}

// definition returns the definition of the chart, with hooks that write to r.
func (c *chart) definition(r *recorder) (*fsm.Definition[int], error) {
	table := make(fsm.Table[int])
	var rules []fsm.Rule[int]
	add := func(r fsm.Rule[int]) { rules = append(rules, r) }
	hooks := func(r fsm.Rule[int]) {
		if !c.bare {
			add(r)
		}
	}
	guard := func(guards []int) hook {
		return func(context.Context, fsm.Transition[int]) error { return passes(guards, r.now.Load().arg) }
	}
	for s, n := range c.nodes {
		table[s] = nil
		switch n.history {
		case "shallow":
			add(fsm.ShallowHistory(s, n.parent))
			continue
		case "deep":
			add(fsm.DeepHistory(s, n.parent))
			continue
		}
		if len(n.children) > 0 {
			add(fsm.Substates(s, n.children...))
		}
		if len(n.guards) > 0 {
			add(fsm.Guard(s, "state", guard(n.guards)))
		}
		hooks(fsm.OnEntry(s, r.note("enter "+name(s), n.raisesOnEntry)))
		hooks(fsm.OnExit(s, r.note("exit "+name(s), n.raisesOnExit)))
	}
	for _, e := range c.edges {
		switch e.kind {
		case fsm.EdgeSelf:
			add(fsm.Self(e.from))
		case fsm.EdgeReenter:
			add(fsm.Reenter(e.from))
		case fsm.EdgeLocal:
			add(fsm.Local(e.from, e.to))
			fallthrough
		default:
			table[e.from] = append(table[e.from], e.to)
		}
	}
	for _, e := range slices.Concat(c.edges, c.inherited) {
		if len(e.guards) > 0 {
			add(fsm.GuardEdge(e.from, e.to, "edge", guard(e.guards)))
		}
		hooks(fsm.OnEdge(e.from, e.to, r.note(edgeName(e), raised{})))
	}
	if len(c.cycles) > 0 {
		add(fsm.TimeoutCycle(c.cycles...))
	}
	for _, t := range c.timeouts {
		if t.bit == 0 {
			add(fsm.Timeout(t.state, time.Duration(t.seconds)*time.Second, t.to))
			continue
		}
		add(fsm.TimeoutFunc(t.state, fmt.Sprint(t.bit), func(context.Context, fsm.Transition[int]) time.Duration {
			return time.Duration(t.seconds+int(r.now.Load().arg>>t.bit&1)) * time.Second
		}, t.to))
	}
	if len(c.timeouts) > 0 {
		add(fsm.OnTimeoutError(func(_ context.Context, err *fsm.TransitionError[int]) {
			r.add("timeout " + reason(err))
		}))
	}
	for i, each := range c.rules {
		add(c.eventRule(i, each, r))
	}
	if c.final {
		add(fsm.Final(slices.DeleteFunc(c.states(), func(s int) bool { return !c.isFinal(s) })...))
	}
	return fsm.Define(c.initial, table, rules...)
}

func edgeName(e edge) string { return "edge " + name(e.from) + ">" + name(e.to) }

func (c *chart) eventRule(i int, each rule, r *recorder) fsm.Rule[int] {
	e, from := fsmEvents[each.event], fsm.FromAny[int]()
	if len(each.from) > 0 {
		from = fsm.From(each.from...)
	}
	var options []fsm.RuleOption[int, uint]
	if len(each.guards) > 0 {
		options = append(options, fsm.If("own", func(_ context.Context, _ fsm.Transition[int], arg uint) error { return passes(each.guards, arg) }))
	}
	if !c.bare {
		do := r.note(fmt.Sprint("do ", i), each.raises)
		options = append(options, fsm.Do(func(ctx context.Context, t fsm.Transition[int], _ uint) error { return do(ctx, t) }))
	}
	switch each.kind {
	case "on":
		return fsm.On(e, from, each.to[0], options...)
	case "choose":
		return fsm.Choose(e, from, func(_ context.Context, _ fsm.Transition[int], arg uint) (int, error) {
			if i := choice(each, arg); i < len(each.to) {
				return each.to[i], nil
			}
			return 0, errChoice
		}, each.to, options...)
	case "internal":
		return fsm.Internal(e, from, options...)
	case "ignore":
		return fsm.Ignore(e, from)
	default:
		return fsm.OfferToParent(e, from)
	}
}

// choice is the index of the target that a Choose rule chooses, or the number of targets if it
// fails.
func choice(r rule, arg uint) int { return int(arg>>bits) % (len(r.to) + 1) }

// reason is the word of the trace for an error.
func reason(err error) string {
	switch {
	case err == nil:
		return "done"
	case errors.Is(err, fsm.ErrVetoed), errors.Is(err, errChoice):
		return "refused"
	case errors.Is(err, fsm.ErrUnhandled), errors.Is(err, fsm.ErrUnknownEvent), errors.Is(err, fsm.ErrInvalidTransition):
		return "unhandled"
	}
	return err.Error()
}

// run makes steps with machines of fsm, in a bubble of testing/synctest.
func (c *chart) run(plans []plan) (made []step, results []result, err error) {
	r := &runner{chart: c}
	if r.def, err = c.definition(&r.rec); err != nil {
		return nil, nil, err
	}
	defer r.close()
	for i, p := range plans {
		at := c.initial
		if i > 0 {
			at = r.rec.m.State()
		}
		s := p.step(c, at)
		got, err := r.step(s, p.restore)
		if err != nil {
			return nil, nil, fmt.Errorf("step %d, %+v: %w", i, s, err)
		}
		made, results = append(made, s), append(results, got)
	}
	return made, results, nil
}

type runner struct {
	chart *chart
	def   *fsm.Definition[int]
	rec   recorder
}

// options lets hooks queue events, and writes the refusal of a queued event to the trace.
func (r *runner) options() []fsm.Option {
	return []fsm.Option{fsm.WithManualStart(), fsm.WithQueue(64, func(_ context.Context, err error) {
		if why := reason(err); why != "unhandled" {
			r.rec.add(why)
		}
	})}
}

// step makes a step.
func (r *runner) step(s step, restore bool) (result, error) {
	ctx := context.Background()
	if restore && !s.Start {
		if err := r.restore(); err != nil {
			return result{}, err
		}
	}
	r.rec.now.Store(&record{arg: s.Arg, budget: budget})
	var err error
	switch {
	case s.Start:
		r.close()
		r.rec.m = fsm.New(r.def, r.options()...)
		err = r.rec.m.Start(ctx)
	case s.Seconds > 0:
		time.Sleep(time.Duration(s.Seconds) * time.Second)
	case s.Event == transitionTo(s.to):
		err = r.rec.m.Transition(ctx, s.to)
	default:
		err = fsm.Fire(ctx, r.rec.m, fsmEvents[s.Event], s.Arg)
	}
	synctest.Wait()
	why := reason(err)
	switch why {
	case "done", "unhandled":
	case "refused":
		r.rec.add(why)
	default:
		return result{}, err
	}
	at := r.rec.m.State()
	return result{State: name(at), Trace: r.rec.now.Load().trace, Taken: s.Event != "" && why != "unhandled", Done: r.chart.ended(at)}, nil
}

// restore replaces the machine by one that is restored from the JSON of its snapshot.
func (r *runner) restore() error {
	r.close()
	data, err := json.Marshal(r.rec.m.Snapshot())
	if err != nil {
		return err
	}
	s, err := fsm.DecodeSnapshot[int](data)
	if err != nil {
		return err
	}
	if r.rec.m, err = fsm.Restore(r.def, s, r.options()...); err != nil {
		return err
	}
	return r.rec.m.Start(context.Background())
}

// close closes the machine, if there is one.
func (r *runner) close() {
	if r.rec.m != nil {
		r.rec.m.Close(context.Background()) // cannot fail: no change is under way
	}
}
