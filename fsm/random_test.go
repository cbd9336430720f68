package fsm_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
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

// randomDefinition draws a definition with rules of every kind, an interpreter of it and its
// user code. None has the drawn rules that Define refuses. The definition has timeouts unless a
// second of theirs is 0.
func randomDefinition(rt *rapid.T, second time.Duration) (*fsm.Definition[int], *interpreter, *userCode) {
	table := drawTable(rt)
	for s, end := len(table), len(table)+rapid.IntRange(0, 2).Draw(rt, "more states"); s < end; s++ { // some become history states
		table[s] = nil
		from := drawState(rt, s)
		table[from] = append(table[from], s)
	}
	in := &interpreter{table: table, self: make(map[int]string), code: make(map[string]bool), reached: make(map[string]int)}
	in.limit = 1000
	u := &userCode{code: in.code, events: make(map[string]textEvent), began: time.Now()}
	def := fsm.MustDefine(0, table)
	in.add(&def, fsm.Finally(func(ctx context.Context, _ intTransition, err error) {
		u := codeOf.Of(ctx)
		u.add("finally " + outcomeOf(err))
		_ = u.run(ctx, "finally")
	}), fsm.OnTimeoutError(func(ctx context.Context, err *fsm.TransitionError[int]) {
		u := codeOf.Of(ctx)
		u.add("timeout error " + outcomeOf(err))
		_ = u.run(ctx, "timeout error")
	}), fsm.Requires[int](codeOf))
	in.drawHierarchy(rt, &def)
	in.drawLocal(rt, &def)
	in.drawRules(rt, &def)
	if second > 0 {
		in.drawTimeouts(rt, &def, second)
	}
	for i := range 4 {
		name := fmt.Sprint("e", i)
		u.events[name] = fsm.NewEvent[string](name)
	}
	for i := range rapid.IntRange(0, 12).Draw(rt, "event rules") {
		in.drawEventRule(rt, &def, u.events, i)
	}
	in.drawOffers(rt, &def, u.events)
	for _, name := range []string{"finally", "timeout error", "failed", "err", "write", "committed", "writer told"} {
		in.code[name] = rapid.Bool().Draw(rt, name)
	}
	if in.unhandled = rapid.Bool().Draw(rt, "unhandled"); in.unhandled {
		in.code["unhandled"] = in.add(&def, fsm.OnUnhandled(func(ctx context.Context, _ *fsm.EventError[int]) error { return codeOf.Of(ctx).run(ctx, "unhandled") }))
	}
	simple := script{states: len(table), simple: true, runs: make(map[string]int)}
	in.script, u.script = simple, simple
	return def, in, u
}

// add adds rules to the definition, unless it refuses them.
func (in *interpreter) add(def **fsm.Definition[int], rules ...fsm.Rule[int]) bool {
	derived, err := (*def).With(rules...)
	if err != nil {
		return false
	}
	*def, in.given = derived, append(in.given, rules)
	return true
}

// drawRules draws rules for states and edges, at most one for each point.
func (in *interpreter) drawRules(rt *rapid.T, def **fsm.Definition[int]) {
	states := len(in.table)
	for range rapid.IntRange(0, 3).Draw(rt, "edges to itself") {
		s, kind := drawState(rt, states), rapid.SampledFrom([]string{"self", "reenter"}).Draw(rt, "kind")
		rule := map[string]func(int) fsm.Rule[int]{"self": fsm.Self[int], "reenter": fsm.Reenter[int]}[kind](s)
		if in.add(def, rule) {
			in.self[s] = kind
		}
	}
	for range rapid.IntRange(0, 14).Draw(rt, "rules") {
		from, to := drawState(rt, states), drawState(rt, states)
		if targets := in.table[from]; len(targets) > 0 && rapid.Bool().Draw(rt, "an edge") {
			to = rapid.SampledFrom(targets).Draw(rt, "to")
		}
		rules := map[string]func(string) fsm.Rule[int]{
			fmt.Sprint("guard ", to):            func(n string) fsm.Rule[int] { return fsm.Guard(to, n, runs(n)) },
			fmt.Sprint("edge guard ", from, to): func(n string) fsm.Rule[int] { return fsm.GuardEdge(from, to, n, runs(n)) },
			fmt.Sprint("edge ", from, to):       func(n string) fsm.Rule[int] { return fsm.OnEdge(from, to, runs(n)) },
			fmt.Sprint("exit ", from):           func(n string) fsm.Rule[int] { return fsm.OnExit(from, runs(n)) },
			fmt.Sprint("enter ", to):            func(n string) fsm.Rule[int] { return fsm.OnEntry(to, runs(n)) },
			"before":                            func(n string) fsm.Rule[int] { return fsm.Before(runs(n)) },
			"after":                             func(n string) fsm.Rule[int] { return fsm.After(runs(n)) },
		}
		names := []string{fmt.Sprint("guard ", to), fmt.Sprint("edge guard ", from, to), fmt.Sprint("edge ", from, to), fmt.Sprint("exit ", from), fmt.Sprint("enter ", to), "before", "after"}
		if name := rapid.SampledFrom(names).Draw(rt, "rule"); !in.code[name] {
			in.code[name] = in.add(def, rules[name](name))
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
			options = append(options, wrap(typed(b.event, name)))
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
		rule = fsm.Choose(e, from, func(ctx context.Context, _ intTransition, _ string) (to int, err error) {
			u := codeOf.Of(ctx)
			err = u.run(ctx, "choose "+b.name)
			u.scripted(func(s *script) { to = s.choice(b) })
			return to, err
		}, b.to, options...)
	case "internal":
		rule = fsm.Internal(e, from, options...)
	}
	if in.add(def, rule) {
		in.eventRules = append(in.eventRules, b)
	}
}

// drawOffers draws OfferToParent rules, of which Define refuses those without effect. Before
// each it draws a rule that may refuse its event in the state, and one for the state around.
func (in *interpreter) drawOffers(rt *rapid.T, def **fsm.Definition[int], events map[string]textEvent) {
	guarded := func(event string, s int, name string) {
		in.code["if "+name] = true
		own := fsm.If("own", typed(event, "if "+name))
		if in.add(def, fsm.Internal(events[event], fsm.From(s), own)) {
			in.eventRules = append(in.eventRules, eventRule{event: event, kind: "internal", from: []int{s}, name: name})
		}
	}
	for i := range rapid.IntRange(0, 6).Draw(rt, "offers") {
		event, s := fmt.Sprint("e", rapid.IntRange(0, 2).Draw(rt, "event")), drawState(rt, len(in.table))
		guarded(event, s, fmt.Sprint("offered ", i))
		if parent, ok := in.parent[s]; ok && rapid.Bool().Draw(rt, "parent too") {
			guarded(event, parent, fmt.Sprint("outer ", i))
		}
		if in.add(def, fsm.OfferToParent(events[event], fsm.From(s))) {
			in.eventRules = append(in.eventRules, eventRule{event: event, kind: "offer", from: []int{s}})
		}
	}
}

// typed returns a guard or hook of an event, which checks its argument.
func typed(event, name string) func(context.Context, intTransition, string) error {
	return func(ctx context.Context, t intTransition, arg string) error {
		u := codeOf.Of(ctx)
		if t.Event != event || arg != "for "+event {
			u.add(fmt.Sprintf("%s ran for event %q with argument %q, want event %q", name, t.Event, arg, event))
		}
		return u.run(ctx, name)
	}
}

// encodeInt is the Encode rule of machines whose writer does not make the value.
func encodeInt(ctx context.Context, s fsm.Snapshot[int]) ([]byte, error) {
	if err := codeOf.Of(ctx).run(ctx, "encode"); err != nil {
		return nil, err
	}
	return json.Marshal(s)
}

// outcomeOf returns the outcome of a call as the interpreter names it.
func outcomeOf(err error) string {
	failed, _ := errors.AsType[*fsm.TransitionError[int]](err)
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, fsm.ErrAborted):
		return "panicked"
	case failed != nil && failed.Moved:
		return "failed"
	case failed != nil && failed.Phase == fsm.PhaseWrite:
		return "write"
	}
	for _, each := range []struct {
		err     error
		outcome string
	}{
		{fsm.ErrUnknownEvent, "unknown"}, {fsm.ErrUnhandled, "unhandled"}, {fsm.ErrVetoed, "vetoed"},
		{fsm.ErrInvalidTransition, "invalid"}, {errEnded, "ended"}, {fsm.ErrClosed, "closed"},
		{fsm.ErrNotStarted, "not started"}, {fsm.ErrStarted, "started"}, {fsm.ErrReentrant, "reentrant"},
		{fsm.ErrQueueFull, "full"}, {fsm.ErrAttached, "attached"}, {context.Canceled, "canceled"},
		{context.DeadlineExceeded, "deadline"},
	} {
		if errors.Is(err, each.err) {
			return each.outcome
		}
	}
	return "failed"
}

// outcomeOfCall makes a call, which may panic or end its goroutine, on a goroutine of its own,
// and sends the outcome.
func outcomeOfCall(call func() error) <-chan string {
	done := make(chan string, 1)
	go func() {
		outcome := "panicked"
		defer func() {
			_ = recover()
			done <- outcome
		}()
		outcome = outcomeOf(call())
	}()
	return done
}

// For any definition, and whatever its user code does at any of its places, machine and
// interpreter return the same outcomes, run the same user code in the same order, show the same
// snapshots, also to other goroutines while user code runs, and tell subscribers the same. This
// also holds if the machine is restored between two calls, from its last snapshot, from one
// that was taken while user code ran or from what its writer has stored, and with a changed
// definition. What can happen does happen in some run.
func TestMachineAgreesWithInterpreter(t *testing.T) {
	reached := make(map[string]int)
	programme := func(rt *rapid.T) {
		inBubble(t, rt, func() {
			c := newComparison(rt)
			defer func() { _ = c.m.Close(context.Background()) }()
			for range rapid.IntRange(1, 30).Draw(rt, "steps") {
				c.step()
			}
			for what, n := range c.in.reached {
				reached[what] += n
			}
		})
	}
	for range 3 { // of 100 programmes each
		rapid.Check(t, programme)
	}
	if t.Failed() {
		return
	}
	if rapid := flag.Lookup("rapid.checks"); testing.Short() || rapid.Value.String() != rapid.DefValue {
		return // fewer programmes reach less
	}
	for _, what := range mustHappen {
		if reached[what] == 0 {
			t.Errorf("%q never happened", what)
		}
	}
	if testing.Verbose() {
		for _, what := range slices.Sorted(maps.Keys(reached)) {
			t.Log(what, reached[what])
		}
	}
}

// mustHappen lists what the programmes of a run reach some thirty times or more each.
var mustHappen = []string{
	"after ",
	"after error",
	"before ",
	"before error",
	"call of a closed machine",
	"code with an ended context",
	"committed ",
	"do ",
	"dropped",
	"edge ",
	"edge guard ",
	"encode ",
	"encode error",
	"enter ",
	"err ",
	"err panic",
	"event: failed",
	"event: ignored",
	"event: ok",
	"event: panicked",
	"event: unhandled",
	"event: unknown",
	"exit ",
	"failed ",
	"failed error",
	"finally ",
	"finally error",
	"finally goexit",
	"from within: canceled",
	"from within: full",
	"from within: ok",
	"from within: reentrant",
	"guard ",
	"guard error",
	"if ",
	"if offered ",
	"migrated",
	"outcome: attached",
	"outcome: canceled",
	"outcome: deadline",
	"outcome: ended",
	"outcome: failed",
	"outcome: invalid",
	"outcome: not started",
	"outcome: ok",
	"outcome: panicked",
	"outcome: started",
	"outcome: unhandled",
	"outcome: unknown",
	"outcome: vetoed",
	"outcome: write",
	"queued: invalid",
	"queued: ok",
	"queued: write",
	"reset: ok",
	"reset: write",
	"restored from: last",
	"restored from: stored",
	"restored from: within code",
	"start: ok",
	"start: panicked",
	"start: write",
	"store: ",
	"store: in doubt",
	"store: no commit",
	"timeout func ",
	"timeout: ok",
	"timeouts dropped: 1",
	"transition: failed",
	"transition: invalid",
	"transition: ok",
	"transition: panicked",
	"transition: vetoed",
	"transition: write",
	"unhandled ",
	"waited for the turn",
	"write ",
	"write error",
}

// comparison is a machine and its interpreter.
type comparison struct {
	rt    *rapid.T
	def   *fsm.Definition[int]
	in    *interpreter
	u     *userCode
	store *unreliableStore // nil without one
	kept  *simpleStore     // that of the interpreter
	told  *told
	m     *fsm.Machine[int]
}

// told is what a subscriber has got.
type told struct {
	mu    sync.Mutex
	lines []string
}

// newComparison draws a definition and makes a machine of it.
func newComparison(rt *rapid.T) *comparison {
	c := &comparison{rt: rt}
	c.def, c.in, c.u = randomDefinition(rt, time.Second)
	c.in.script.simple, c.u.script.simple = false, false
	if rapid.Bool().Draw(rt, "encode rule") {
		c.in.encodes = c.in.add(&c.def, fsm.Encode(encodeInt))
	}
	c.in.code["encode"] = true
	if rapid.Bool().Draw(rt, "writer") {
		c.store, c.kept = &unreliableStore{u: c.u}, &simpleStore{script: &c.in.script}
		c.in.store = c.kept
	}
	c.begin()
	opts := c.options()
	c.in.unstarted = rapid.Bool().Draw(rt, "manual start")
	c.in.state, c.in.ctx = c.in.initialLeaf(0), new(callContext)
	if c.in.unstarted {
		opts = append(opts, fsm.WithManualStart())
	} else {
		code := c.in.code
		c.in.code = nil // New runs no user code but that of timeouts, which does nothing here
		for _, s := range slices.Backward(c.in.order().Lineage(c.in.state)) {
			c.in.running = append(c.in.running, c.in.timeoutsOf(s, 0)...)
		}
		c.in.code = code
	}
	c.run(fsm.New(c.def, opts...))
	return c
}

// options draws the options of a machine.
func (c *comparison) options() []fsm.Option {
	c.in.limit = rapid.SampledFrom([]int{0, 1, 3, 1000}).Draw(c.rt, "history")
	c.in.room = rapid.IntRange(0, 3).Draw(c.rt, "queue")
	opts := []fsm.Option{fsm.WithHistory(c.in.limit), fsm.WithData(codeOf, c.u)}
	if c.in.room > 0 {
		opts = append(opts, fsm.WithQueue(c.in.room, func(ctx context.Context, err error) {
			u := codeOf.Of(ctx)
			u.add("failed: " + outcomeOf(err))
			_ = u.run(ctx, "failed")
		}))
	}
	switch {
	case c.store == nil:
	case c.in.encodes:
		opts = append(opts, fsm.WithWriter(c.store))
	default:
		opts = append(opts, fsm.WithWriter(encodingStore{c.store}))
	}
	return opts
}

// run has the machine be the one that is compared.
func (c *comparison) run(m *fsm.Machine[int]) {
	c.m, c.told, c.in.told = m, new(told), nil
	c.u.mu.Lock()
	c.u.m = m
	c.u.mu.Unlock()
	heard, following := c.told, m.Subscribe(context.Background(), 1000)
	go func() {
		for tr, err := range following {
			if err == nil {
				heard.mu.Lock()
				heard.lines = append(heard.lines, describeTransition(tr, c.u.began))
				heard.mu.Unlock()
			}
		}
	}()
}

// begin begins the next step.
func (c *comparison) begin() {
	seed := rapid.Int().Draw(c.rt, "seed")
	c.u.begin(seed)
	c.in.begin(seed)
}

// step makes the same calls on both, or lets time pass on both, and compares them.
func (c *comparison) step() {
	c.begin()
	var got []<-chan string
	var want []string
	switch rapid.IntRange(0, 9).Draw(c.rt, "step") {
	case 0:
		c.in.sleep(c.in.now + rapid.IntRange(1, 12).Draw(c.rt, "seconds"))
	case 1:
		c.restore()
		c.in.sleep(c.in.now)
	default:
		callers := rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(c.rt, "callers")
		if c.in.paused {
			callers = 1 // overdue timeouts and a second caller would race
		}
		began := c.in.now
		var calls []func()
		for range callers {
			machine, interpreter := c.call(began)
			calls = append(calls, func() { got = append(got, outcomeOfCall(machine)) })
			want = append(want, interpreter())
		}
		for _, call := range calls {
			call()
			synctest.Wait()
		}
		if c.in.now > began && callers > 1 {
			c.in.reached["waited for the turn"]++
		}
		c.in.sleep(c.in.now)
	}
	c.wait()
	for i, done := range got {
		select {
		case outcome := <-done:
			c.in.reached["outcome: "+outcome]++
			if outcome != want[i] {
				c.fail("call %d: got %s, want %s", i, outcome, want[i])
			}
		default:
			c.fail("call %d has not returned", i)
		}
	}
	c.compare()
}

// wait waits until the machine has done all that is due by the time of the interpreter.
func (c *comparison) wait() {
	time.Sleep(time.Until(c.u.began.Add(time.Duration(c.in.now) * time.Second)))
	for range 100 {
		synctest.Wait()
		due := func(p fsm.PendingTimeout[int]) bool { return !p.Due.After(time.Now()) }
		if !slices.ContainsFunc(c.m.Snapshot().Timeouts, due) || c.in.paused || c.in.closed {
			return
		}
		<-time.After(0) // timers that are due now fire
	}
}

func (c *comparison) fail(format string, args ...any) {
	c.rt.Helper()
	c.rt.Fatalf("%s\nran, as the interpreter has it: %q\n(-want +got):\n%s", fmt.Sprintf(format, args...), c.in.ran, cmp.Diff(c.in.ran, c.u.lines()))
}

// compare compares what the two did and what they are now.
func (c *comparison) compare() {
	if diff := cmp.Diff(c.in.ran, c.u.lines()); diff != "" {
		c.fail("different code")
	}
	if diff := cmp.Diff(c.in.record.String(), describe(c.m.Snapshot(), c.u.began)); diff != "" {
		c.fail("machines (-want +got):\n%s", diff)
	}
	c.told.mu.Lock()
	defer c.told.mu.Unlock()
	if diff := cmp.Diff(c.in.told, c.told.lines); diff != "" {
		c.fail("told (-want +got):\n%s", diff)
	}
	if c.m.State() != c.in.state {
		c.fail("in %d, want %d", c.m.State(), c.in.state)
	}
}

// call draws a call, and returns it for both.
func (c *comparison) call(now int) (machine func() error, interpreter func() string) {
	ctx, theirs := context.Background(), &callContext{caller: true}
	limit := rapid.IntRange(-8, 2).Draw(c.rt, "limit")
	before := rapid.IntRange(0, 15).Draw(c.rt, "ended before") == 0
	if before {
		theirs.why = "canceled"
	}
	if limit >= 0 {
		theirs.ends, theirs.limited = now+limit, true
	}
	within := func(call func(context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			if before {
				cancel()
			}
			if limit >= 0 {
				var end context.CancelFunc
				ctx, end = context.WithTimeout(ctx, time.Duration(limit)*time.Second+time.Second/2)
				defer end()
			}
			return call(context.WithValue(ctx, ownCall{}, cancel))
		}
	}
	m := c.m
	kind := rapid.IntRange(0, 9).Draw(c.rt, "call")
	if c.in.unstarted || c.in.paused {
		kind = rapid.SampledFrom([]int{kind, 9, 9}).Draw(c.rt, "start")
	}
	switch {
	case kind < 4:
		to := rapid.IntRange(-1, len(c.in.table)).Draw(c.rt, "to")
		if next := m.Next(); len(next) > 0 && rapid.IntRange(0, 3).Draw(c.rt, "permitted") > 0 {
			to = rapid.SampledFrom(next).Draw(c.rt, "next")
		}
		cause := rapid.SampledFrom([]string{"", "cause"}).Draw(c.rt, "cause")
		return within(func(ctx context.Context) error { return m.TransitionWithCause(ctx, to, cause) }),
			func() string { return c.in.call(theirs, request{kind: "transition", to: to, cause: cause}) }
	case kind == 7:
		return within(func(ctx context.Context) error { return m.Reset(ctx, "reset") }),
			func() string { return c.in.call(theirs, request{kind: "reset", cause: "reset"}) }
	case kind == 8:
		return within(m.Detach), func() string { return c.in.detach(theirs) }
	case kind == 9:
		cause := rapid.SampledFrom([]string{"", "start"}).Draw(c.rt, "cause")
		return within(func(ctx context.Context) error { return m.StartWithCause(ctx, cause) }),
			func() string { return c.in.call(theirs, request{kind: "start", cause: cause}) }
	}
	name := fmt.Sprint("e", rapid.IntRange(0, 3).Draw(c.rt, "fire"))
	return within(func(ctx context.Context) error { return fsm.Fire(ctx, m, c.u.events[name], "for "+name) }),
		func() string { return c.in.call(theirs, request{kind: "event", event: name}) }
}

// restore replaces the machine by one that is restored from a snapshot.
func (c *comparison) restore() {
	if err := c.m.Close(context.Background()); err != nil {
		c.rt.Fatal(err)
	}
	c.in.closed = true
	if rapid.IntRange(0, 3).Draw(c.rt, "closed") == 0 {
		machine, interpreter := c.call(c.in.now)
		got := outcomeOfCall(machine)
		synctest.Wait()
		if got, want := <-got, interpreter(); got != want {
			c.fail("closed: got %s, want %s", got, want)
		}
		c.in.reached["call of a closed machine"]++
	}
	c.compare()
	s, r := c.m.Snapshot(), c.in.record
	source := rapid.SampledFrom([]string{"last", "within code", "stored"}).Draw(c.rt, "source")
	switch {
	case source == "within code" && c.in.kept != nil:
		s, r = *c.u.kept, *c.in.kept
	case source == "stored" && c.store != nil:
		c.store.settle()
		c.kept.settle()
		if c.kept.value != nil {
			s, r = c.decode(c.store.value), *c.kept.value
			break
		}
		fallthrough
	default:
		source = "last"
	}
	data, err := json.Marshal(s)
	if err != nil {
		c.rt.Fatal(err)
	}
	s = c.decode(data)
	if rapid.IntRange(0, 2).Draw(c.rt, "migrate") == 0 {
		s, r = c.migrate(s, r)
	}
	c.in.now += rapid.IntRange(0, 5).Draw(c.rt, "seconds without a machine")
	time.Sleep(time.Until(c.u.began.Add(time.Duration(c.in.now) * time.Second)))

	if c.store != nil {
		c.in.store = c.kept
		c.store.ended, c.kept.ended = false, false
	}
	opts := c.options()
	r.limit = c.in.limit
	r.trim()
	c.in.record, c.in.closed, c.in.paused = r, false, false
	manual := rapid.IntRange(0, 2).Draw(c.rt, "manual start") == 0
	if first := c.in.first(); manual || first >= 0 && c.in.running[first].due <= c.in.now { // and nothing happens before the subscription
		opts, c.in.paused = append(opts, fsm.WithManualStart()), !r.unstarted
	}
	m, err := fsm.Restore(c.def, s, opts...)
	if err != nil {
		c.rt.Fatal(err)
	}
	c.in.reached["restored from: "+source]++
	c.run(m)
}

func (c *comparison) decode(data []byte) fsm.Snapshot[int] {
	s, err := fsm.DecodeSnapshot[int](data)
	if err != nil {
		c.rt.Fatal(err)
	}
	return s
}

// migrate takes up a snapshot of an older definition, with other names of states and events and
// at most one timeout more.
func (c *comparison) migrate(s fsm.Snapshot[int], r record) (fsm.Snapshot[int], record) {
	if len(c.in.timeoutRules) > 0 {
		dropped := rapid.SampledFrom(c.in.timeoutRules).Draw(c.rt, "dropped")
		var rules []fsm.Rule[int]
		for i, each := range c.in.given {
			if i != dropped.place {
				rules = append(rules, each...)
			}
		}
		if def, err := fsm.Define(0, c.in.table, rules...); err == nil {
			c.def, c.in.given[dropped.place] = def, nil
			c.in.timeoutRules = slices.DeleteFunc(slices.Clone(c.in.timeoutRules), func(rule *timeoutRule) bool { return rule == dropped })
			before := len(r.running)
			r.running = slices.DeleteFunc(slices.Clone(r.running), func(each runningTimeout) bool { return each.rule == dropped })
			c.in.reached[fmt.Sprint("timeouts dropped: ", before-len(r.running))]++
		}
	}
	older := func(s *int) { *s += 100 }
	older(&s.State)
	for i := range s.History {
		older(&s.History[i].From)
		older(&s.History[i].To)
		if s.History[i].Event != "" {
			s.History[i].Event = "old " + s.History[i].Event
		}
	}
	for i := range s.Timeouts {
		older(&s.Timeouts[i].State)
		older(&s.Timeouts[i].To)
	}
	for i := range s.HistoryStates {
		older(&s.HistoryStates[i].Parent)
		older(&s.HistoryStates[i].Last)
	}
	s.Table = "older"
	states, events := make(map[int]int), make(map[string]string)
	for s := range c.in.table {
		states[s+100] = s
	}
	for name := range c.u.events {
		events["old "+name] = name
	}
	s, err := fsm.Migrate(c.def, s, fsm.Migration[int, int]{States: states, Events: events, DropTimeout: func(fsm.PendingTimeout[int]) bool { return true }})
	if err != nil {
		c.rt.Fatal(err)
	}
	c.u.kept, c.in.kept = nil, nil // they are of the older definition
	if c.store != nil {
		c.store.value, c.store.doubt = nil, nil
		c.kept.value, c.kept.doubt = nil, nil
	}
	c.in.reached["migrated"]++
	return s, r
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

// The finally hooks record the order in which concurrent calls get their turn. The
// interpreter, called in this order, returns the same outcomes.
func TestConcurrentCallersAgreeWithInterpreter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		def, in, u := randomDefinition(rt, 0)
		in.code["failed"], in.code["err"] = false, false
		in.state = in.initialLeaf(0)
		seed := rapid.Int().Draw(rt, "seed")
		u.begin(seed)
		in.begin(seed)
		var order []string // of the events, in the order of their turns
		def, err := def.With(fsm.Finally(func(_ context.Context, tr intTransition, _ error) { order = append(order, tr.Event) }))
		if err != nil {
			rt.Fatal(err)
		}
		in.code["finally"] = false // it may not return, and then the other finally hook does not run
		u.m = fsm.New(def, fsm.WithHistory(1000), fsm.WithData(codeOf, u))
		outcomes := make([]map[string]int, rapid.IntRange(1, 4).Draw(rt, "callers"))
		var done sync.WaitGroup
		for c := range outcomes {
			outcomes[c] = make(map[string]int)
			calls := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 8).Draw(rt, "calls")
			done.Go(func() {
				for _, e := range calls {
					name := fmt.Sprint("e", e)
					outcome := <-outcomeOfCall(func() error { return fsm.Fire(context.Background(), u.m, u.events[name], "for "+name) })
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
			if outcome := in.call(&callContext{caller: true}, request{kind: "event", event: name}); !in.ignoredAnywhere(name) || outcome != "ok" {
				want[name+" "+outcome]++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("outcomes (-want +got):\n%s", diff)
		}
		if s := u.m.Snapshot(); s.State != in.state || s.Number != uint64(in.number) {
			rt.Fatalf("in %d after %d transitions, want %d after %d", s.State, s.Number, in.state, in.number)
		}
	})
}

// ignoredAnywhere reports whether an event is ignored in some state.
func (in *interpreter) ignoredAnywhere(event string) bool {
	return slices.ContainsFunc(in.eventRules, func(b eventRule) bool { return b.event == event && b.kind == "ignore" })
}
