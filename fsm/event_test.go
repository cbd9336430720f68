package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// disk is the argument of the event boot.
type disk struct{ sectors int }

var (
	boot  = fsm.NewEvent[disk]("boot")
	route = fsm.NewEvent[string]("route")
	stop  = fsm.NewSignal("stop")
	tick  = fsm.NewSignal("tick")
)

var errNoDisk = errors.New("no disk")

func bootable(_ context.Context, _ transition, d disk) error {
	if d.sectors == 0 {
		return errNoDisk
	}
	return nil
}

// toName is a Choose function that returns the state of a name. It fails for the empty name.
func toName(_ context.Context, _ transition, name string) (state, error) {
	if name == "" {
		return idle, errBoom
	}
	return state(name), nil
}

// silent is a guard or hook that does nothing.
func silent(context.Context, transition, fsm.NoArg) error { return nil }

// wantEvent checks the error of an event.
func wantEvent(t testing.TB, err error, event string, in state, allowed []string, causes ...error) *fsm.EventError[state] {
	t.Helper()
	failed, ok := errors.AsType[*fsm.EventError[state]](err)
	if !ok {
		t.Fatalf("got %v (%T), want an EventError", err, err)
	}
	if failed.Event != event || failed.State != in || !slices.Equal(failed.Permitted, allowed) {
		t.Errorf("error has event %q, state %v, permitted events %q; want event %q, state %v, permitted events %q", failed.Event, failed.State, failed.Permitted, event, in, allowed)
	}
	for _, cause := range causes {
		if !errors.Is(err, cause) {
			t.Errorf("%q does not wrap %q", err, cause)
		}
	}
	return failed
}

func fire(t testing.TB, m *fsm.Machine[state], s fsm.Signal) {
	t.Helper()
	if err := m.Fire(context.Background(), s); err != nil {
		t.Fatal(err)
	}
}

func TestEventLeadsToTheTargetOfItsRule(t *testing.T) {
	rules := map[string][]stateRule{
		"without user code": {fsm.On(boot, fsm.From(idle), starting), fsm.On(stop, fsm.From(starting, warming), stopping), fsm.On(stop, fsm.From(stopping), stopped)},
		"with user code":    {fsm.After(failsWith(nil)), fsm.On(boot, fsm.From(idle), starting, fsm.If("disk", bootable)), fsm.On(stop, fsm.From(starting, warming), stopping), fsm.On(stop, fsm.From(stopping), stopped)},
	}
	for name, rules := range rules {
		t.Run(name, func(t *testing.T) {
			m := fsm.New(with(t, rules...))
			if err := fsm.Fire(context.Background(), m, boot, disk{1}); err != nil {
				t.Fatal(err)
			}
			wantState(t, m, starting, 1)
			fire(t, m, stop)
			wantState(t, m, stopping, 2)
			fire(t, m, stop)
			wantState(t, m, stopped, 3)
			var events []string
			for _, tr := range m.History() {
				events = append(events, tr.Event)
			}
			if diff := cmp.Diff([]string{"boot", "stop", "stop"}, events); diff != "" {
				t.Errorf("events in the history (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventWithoutRuleIsUnhandledOrUnknown(t *testing.T) {
	for name, more := range map[string][]stateRule{"plain": nil, "with a hook": {fsm.After(failsWith(nil))}} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			m := fsm.New(with(t, append(more, fsm.On(stop, fsm.From(starting), stopping), fsm.On(tick, fsm.From(idle), starting))...))
			before := m.Snapshot()

			err := m.Fire(ctx, stop)
			wantEvent(t, err, "stop", idle, []string{"tick"}, fsm.ErrUnhandled)
			if want := `event "stop" in idle: not handled; possible: tick`; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			err = fsm.Fire(ctx, m, boot, disk{})
			wantEvent(t, err, "boot", idle, []string{"tick"}, fsm.ErrUnknownEvent)
			if want := `event "boot" in idle: unknown event; possible: tick`; err.Error() != want {
				t.Errorf("got %q, want %q", err, want)
			}
			wantEvent(t, m.Fire(ctx, fsm.Signal{}), "", idle, []string{"tick"}, fsm.ErrUnknownEvent)
			wantEvent(t, fsm.Fire(ctx, m, fsm.Event[disk]{}, disk{}), "", idle, []string{"tick"}, fsm.ErrUnknownEvent)
			wantEvent(t, m.Fire(ctx, fsm.NewSignal("tick")), "tick", idle, []string{"tick"}, fsm.ErrUnknownEvent) // another event with the same name
			if diff := cmp.Diff(before, m.Snapshot()); diff != "" {
				t.Errorf("a refused event left a trace (-before +after):\n%s", diff)
			}
		})
	}
	m := fsm.New(with(t, fsm.On(stop, fsm.From(starting), stopping)))
	if err := m.Fire(context.Background(), stop); err.Error() != `event "stop" in idle: not handled; no event is possible` {
		t.Errorf("got %q", err)
	}
}

func TestVetoNamesEveryRefusingGuard(t *testing.T) {
	m := fsm.New(with(t,
		fsm.On(boot, fsm.From(starting), warming, fsm.If("disk", bootable)),
		fsm.On(boot, fsm.From(starting), stopping),
		fsm.Guard(stopping, "drained", failsWith(errBoom)),
		fsm.On(boot, fsm.From(starting), idle),
		fsm.GuardEdge(starting, idle, "cool", failsWith(errBoom)),
	))
	walk(t, m, starting)
	err := fsm.Fire(context.Background(), m, boot, disk{})
	wantEvent(t, err, "boot", starting, []string{"boot"}, fsm.ErrVetoed, errNoDisk, errBoom)
	if want := `event "boot" in starting: vetoed: guard "disk": no disk; guard "drained": boom; guard "cool": boom`; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if guard, ok := errors.AsType[*fsm.GuardError](err); !ok || guard.Name != "disk" {
		t.Errorf("the first guard is %v", guard)
	}
	wantState(t, m, starting, 1)
}

func TestFirstCandidateWhoseGuardsPassIsTaken(t *testing.T) {
	for sectors, want := range map[int]state{0: stopping, 1: idle, 2: warming} {
		var closed error
		if sectors == 1 {
			closed = errBoom
		}
		m := fsm.New(with(t,
			fsm.On(boot, fsm.From(starting), warming, fsm.If("disk", bootable)),
			fsm.On(boot, fsm.From(starting), idle, fsm.If("disk", bootable)),
			fsm.On(boot, fsm.From(starting), stopping),
			fsm.Guard(warming, "open", failsWith(closed)),
		))
		walk(t, m, starting)
		if err := fsm.Fire(context.Background(), m, boot, disk{sectors}); err != nil || m.State() != want {
			t.Errorf("%d sectors: error %v, in %v, want %v", sectors, err, m.State(), want)
		}
	}
}

func TestBeforeHookVetoesAnEvent(t *testing.T) {
	m := fsm.New(with(t, fsm.On(stop, fsm.From(idle), starting), fsm.Before(failsWith(errBoom))))
	err := m.Fire(context.Background(), stop)
	wantEvent(t, err, "stop", idle, []string{"stop"}, fsm.ErrVetoed, errBoom)
	wantRefusal(t, err, fsm.PhaseBefore, errBoom)
	if err := m.Transition(context.Background(), starting); !errors.Is(err, fsm.ErrVetoed) {
		t.Errorf("got %v", err)
	}
	if err := m.Transition(context.Background(), active); errors.Is(err, fsm.ErrVetoed) {
		t.Errorf("the error of an edge that is not in the table wraps ErrVetoed: %v", err)
	}
}

func TestChoiceMustBeDeclaredAndInTheTable(t *testing.T) {
	ctx := context.Background()
	m := fsm.New(with(t,
		fsm.Choose(route, fsm.From(starting), toName, []state{warming, idle}),
		fsm.Guard(idle, "cool", failsWith(errBoom)),
		fsm.Choose(route, fsm.FromAny[state](), toName, []state{stopping, idle}),
	))
	walk(t, m, starting)
	for name, want := range map[string]error{"": errBoom, "stopping": fsm.ErrInvalidTransition, "active": fsm.ErrInvalidTransition, "bogus": fsm.ErrInvalidTransition, "idle": fsm.ErrVetoed} {
		wantEvent(t, fsm.Fire(ctx, m, route, name), "route", starting, []string{"route"}, want)
	}
	wantState(t, m, starting, 1)
	if err := fsm.Fire(ctx, m, route, "warming"); err != nil {
		t.Fatal(err)
	}
	if err := fsm.Fire(ctx, m, route, "stopping"); err != nil { // by the FromAny rule
		t.Fatal(err)
	}
	err := fsm.Fire(ctx, m, route, "idle") // declared, but no edge from stopping
	if !errors.Is(err, fsm.ErrUnhandled) {
		t.Errorf("got %v: a FromAny rule applies only in states with an edge to one of its targets", err)
	}
	wantState(t, m, stopping, 3)
}

// The error of a Choose function is not treated as a refusal, even if it is a GuardError.
func TestFailedChoiceEndsTheEvent(t *testing.T) {
	fails := func(context.Context, transition, string) (state, error) {
		return "", &fsm.GuardError{Name: "x", Err: errBoom}
	}
	m := fsm.New(with(t,
		fsm.Choose(route, fsm.From(idle), fails, []state{starting}, fsm.If("named", func(_ context.Context, tr transition, name string) error {
			if tr.From != idle || tr.To != idle || tr.Number != 0 || tr.Event != "route" {
				t.Errorf("the guard of a Choose rule gets %+v", tr)
			}
			if name == "" {
				return errBoom
			}
			return nil
		})),
		fsm.On(route, fsm.From(idle), starting),
	))
	err := fsm.Fire(context.Background(), m, route, "x")
	wantEvent(t, err, "route", idle, []string{"route"}, errBoom)
	if errors.Is(err, fsm.ErrVetoed) || m.State() != idle {
		t.Errorf("got %v in %v", err, m.State())
	}
	if err := fsm.Fire(context.Background(), m, route, ""); err != nil || m.State() != starting {
		t.Errorf("got %v in %v: after a guard refuses, the next candidate is tried", err, m.State())
	}
}

func TestRuleForAStateReplacesFromAnyRule(t *testing.T) {
	def := with(t,
		fsm.On(stop, fsm.FromAny[state](), stopping),
		fsm.On(stop, fsm.From(warming), idle, fsm.If("never", func(context.Context, transition, fsm.NoArg) error { return errBoom })),
		fsm.Ignore(stop, fsm.From(idle)),
	)
	m := fsm.New(def)
	fire(t, m, stop)
	wantState(t, m, idle, 0)
	walk(t, m, starting)
	walk(t, m, warming)
	wantEvent(t, m.Fire(context.Background(), stop), "stop", warming, []string{"stop"}, fsm.ErrVetoed)
	walk(t, m, active)
	fire(t, m, stop)
	wantState(t, m, stopping, 4)
	wantEvent(t, m.Fire(context.Background(), stop), "stop", stopping, nil, fsm.ErrUnhandled)
}

func TestIgnoredEventDoesNothing(t *testing.T) {
	held, finallyRuns := newLease(), 0
	ran := func(context.Context, transition) error { t.Error("a guard or hook ran"); return nil }
	m := fsm.New(with(t, fsm.Ignore(boot, fsm.From(idle)), fsm.Before(ran), fsm.After(ran),
		fsm.Finally(func(context.Context, transition, error) { finallyRuns++ }),
		fsm.OnUnhandled(func(context.Context, *fsm.EventError[state]) error {
			t.Error("the OnUnhandled hook ran for an ignored event")
			return nil
		}),
	), fsm.WithWriter(held))
	if err := fsm.Fire(context.Background(), m, boot, disk{}); err != nil {
		t.Error(err)
	}
	wantState(t, m, idle, 0)
	if writes, _ := held.counts(); writes != 0 {
		t.Errorf("%d writes", writes)
	}
	held.end(lost())
	finallyRuns = 0
	err := fsm.Fire(context.Background(), m, boot, disk{})
	wantEvent(t, err, "boot", idle, nil, store.ErrLost)
	if finallyRuns != 1 {
		t.Errorf("%d finally hooks ran after the lease was lost, want 1", finallyRuns)
	}
	plain := fsm.New(with(t, fsm.Ignore(boot, fsm.From(idle))))
	if err := fsm.Fire(context.Background(), plain, boot, disk{}); err != nil || plain.Snapshot().Number != 0 {
		t.Errorf("without hooks: %v", err)
	}
}

func TestInternalSelfAndReenterDiffer(t *testing.T) {
	tests := map[string]struct {
		rule    stateRule
		want    []string
		number  uint64
		restart bool // Since changes
	}{
		"internal": {stateRule{}, []string{"guard -", "before", "do", "after"}, 0, false},
		"self":     {fsm.Self(idle), []string{"guard", "before", "edge", "do", "after"}, 1, false},
		"reenter":  {fsm.Reenter(idle), []string{"guard", "before", "exit", "edge", "do", "enter", "after"}, 1, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log trace
			rules := append(log.forEdge(idle, idle), test.rule)
			if name == "internal" {
				rules = append(log.forState(idle), fsm.Internal(tick, fsm.From(idle), fsm.If("own", func(context.Context, transition, fsm.NoArg) error { log.add("guard -"); return nil }),
					fsm.Do(func(context.Context, transition, fsm.NoArg) error { log.add("do"); return nil })))
			} else {
				rules = append(rules, fsm.On(tick, fsm.From(idle), idle, fsm.Do(func(context.Context, transition, fsm.NoArg) error { log.add("do"); return nil })))
			}
			held := newLease()
			m := fsm.New(with(t, rules...), fsm.WithWriter(held))
			since := m.Snapshot().Since
			fire(t, m, tick)
			if diff := cmp.Diff(test.want, log.lines); diff != "" {
				t.Errorf("order (-want +got):\n%s", diff)
			}
			s := m.Snapshot()
			writes, _ := held.counts()
			if s.Number != test.number || len(s.History) != int(test.number) || writes != int(test.number) || s.Since.After(since) != test.restart {
				t.Errorf("got %+v with %d writes; since was %v", s, writes, since)
			}
			if test.number > 0 {
				wantStored(t, held, m)
			}
		})
	}
}

// A Self edge is also taken without an event and without hooks.
func TestSelfEdgesAreInTheTable(t *testing.T) {
	def := with(t, fsm.Self(idle), fsm.Reenter(active))
	if !def.Can(idle, idle) || !def.Can(active, active) || def.Can(starting, starting) || lifecycle.Can(idle, idle) {
		t.Error("the definition does not have exactly the edges of its Self and Reenter rules")
	}
	if diff := cmp.Diff([]state{starting, idle}, def.Next(idle)); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	m := fsm.New(def)
	since := m.Snapshot().Since
	walk(t, m, idle, idle)
	if s := m.Snapshot(); !s.Since.Equal(since) || s.Number != 2 {
		t.Errorf("%+v, since was %v", s, since)
	}
	if derived, err := def.With(); err != nil || len(derived.Next(idle)) != 2 {
		t.Errorf("derived: %v, %v", derived.Next(idle), err)
	}
}

func TestResetInAStateWithSelfChangesSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(with(t, fsm.Self(idle)))
		time.Sleep(time.Second)
		if err := m.Reset(context.Background(), "anew"); err != nil {
			t.Fatal(err)
		}
		if since := m.Snapshot().Since; !since.Equal(time.Now()) {
			t.Errorf("since %v, want now", since)
		}
	})
}

func TestRuleDoesNotAliasItsArguments(t *testing.T) {
	sources, targets := []state{starting}, []state{warming}
	rule := fsm.Choose(route, fsm.From(sources...), toName, targets)
	sources[0], targets[0] = active, active
	m := fsm.New(with(t, rule))
	walk(t, m, starting)
	if err := fsm.Fire(context.Background(), m, route, "warming"); err != nil {
		t.Error(err)
	}
}

func TestPermittedEventsDependOnGuards(t *testing.T) {
	var closed error
	var inside []string
	var m *fsm.Machine[state]
	open := func(context.Context, transition) error { return closed }
	m = fsm.New(with(t,
		fsm.On(tick, fsm.From(idle), starting, fsm.If("due", func(context.Context, transition, fsm.NoArg) error { return closed })),
		fsm.On(boot, fsm.From(idle), starting, fsm.If("disk", bootable)), // the guard needs an argument, so it does not run
		fsm.On(boot, fsm.From(idle), starting),
		fsm.Choose(route, fsm.From(idle), toName, []state{starting}),
		fsm.Ignore(stop, fsm.From(idle)),
		fsm.On(stop, fsm.From(starting), stopping),
		fsm.On(tick, fsm.From(starting), warming), fsm.Guard(warming, "open", open),
		fsm.On(boot, fsm.From(starting), idle), fsm.GuardEdge(starting, idle, "open", open),
		fsm.Internal(route, fsm.From(starting)),
		fsm.After(func(ctx context.Context, _ transition) error {
			var err error
			inside, err = m.PermittedEvents(ctx)
			return err
		}),
	))
	wantEvents(t, m, "tick", "boot", "route")
	closed = errBoom
	wantEvents(t, m, "boot", "route")
	closed = nil
	walk(t, m, starting)
	if diff := cmp.Diff([]string{"tick", "boot", "route", "stop"}, inside); diff != "" {
		t.Errorf("inside a hook (-want +got):\n%s", diff)
	}
	closed = errBoom
	wantEvents(t, m, "route", "stop")
}

func wantEvents(t *testing.T, m *fsm.Machine[state], want ...string) {
	t.Helper()
	got, err := m.PermittedEvents(context.Background())
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permitted events in %v (-want +got):\n%s", m.State(), diff)
	}
}

// Inside a hook it is no other.
func TestPermittedEventsInAHookFailsIfItsContextHasEnded(t *testing.T) {
	var m *fsm.Machine[state]
	var err error
	m = fsm.New(with(t, fsm.On(stop, fsm.From(idle), starting), fsm.After(func(ctx context.Context, _ transition) error {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err = m.PermittedEvents(ctx)
		return nil
	})))
	walk(t, m, starting)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestPermittedEventsFailsLikeAChange(t *testing.T) {
	held := newLease()
	m := fsm.New(with(t, fsm.On(stop, fsm.From(idle), starting)), fsm.WithWriter(held))
	wantEvents(t, m, "stop")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.PermittedEvents(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	held.end(lost())
	if names, err := m.PermittedEvents(context.Background()); err == nil || names != nil {
		t.Errorf("after the lease was lost: %v, %v", names, err)
	}
	if err := m.Fire(context.Background(), stop); err == nil || errors.Is(err, fsm.ErrUnhandled) {
		t.Errorf("after the lease was lost: %v", err)
	}
	_ = m.Close(context.Background())
	if _, err := m.PermittedEvents(context.Background()); !errors.Is(err, fsm.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	wantEvent(t, m.Fire(context.Background(), stop), "stop", idle, []string{"stop"}, fsm.ErrClosed)
	wantEvent(t, m.Fire(ctx, stop), "stop", idle, []string{"stop"}, context.Canceled)
}

func TestUnhandledHookDeterminesTheResult(t *testing.T) {
	var got []string
	var answer error
	m := fsm.New(with(t, fsm.On(stop, fsm.From(starting), stopping),
		fsm.OnUnhandled(func(_ context.Context, e *fsm.EventError[state]) error {
			got = append(got, fmt.Sprint(e.Event, " ", e.State, " ", errors.Is(e, fsm.ErrUnknownEvent)))
			return answer
		})))
	if err := m.Fire(context.Background(), stop); err != nil {
		t.Error(err)
	}
	answer = errBoom
	if err := m.Fire(context.Background(), tick); err != errBoom {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff([]string{"stop idle false", "tick idle true"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	wantState(t, m, idle, 0)
}

func TestGuardsAndHooksOfAnEventGetItsArgument(t *testing.T) {
	var got []int
	look := func(_ context.Context, tr transition, d disk) error {
		if tr.Event != "boot" || tr.From != idle || tr.To != starting || tr.Number != 1 {
			t.Errorf("got %+v", tr)
		}
		got = append(got, d.sectors)
		return nil
	}
	m := fsm.New(with(t, fsm.On(boot, fsm.From(idle), starting, fsm.If("look", look), fsm.Do(look), fsm.Do(func(context.Context, transition, disk) error { return errBoom }))))
	err := fsm.Fire(context.Background(), m, boot, disk{7})
	if !slices.Equal(got, []int{7, 7}) {
		t.Errorf("arguments %v", got)
	}
	failed, ok := errors.AsType[*fsm.TransitionError[state]](err)
	if !ok || failed.Phase != fsm.PhaseEdge || !failed.Moved {
		t.Errorf("got %v", err)
	}
	wantState(t, m, starting, 1)
}

func TestFailedDoOfAnInternalRuleDoesNotMove(t *testing.T) {
	m := fsm.New(with(t, fsm.Internal(tick, fsm.From(idle), fsm.Do(func(context.Context, transition, fsm.NoArg) error { return errBoom }))))
	wantRefusal(t, m.Fire(context.Background(), tick), fsm.PhaseEdge, errBoom)
	wantState(t, m, idle, 0)
}

func TestInternalRuleWithoutDoDoesNothing(t *testing.T) {
	m := fsm.New(with(t, fsm.Internal(tick, fsm.From(idle)), fsm.Ignore(stop, fsm.From(idle))))
	before := m.Snapshot()
	fire(t, m, tick)
	fire(t, m, stop)
	if diff := cmp.Diff(before, m.Snapshot()); diff != "" {
		t.Errorf("the event left a trace (-before +after):\n%s", diff)
	}
}

// A signal is an event without an argument, whichever function made it.
func TestEventOfNoArgIsASignal(t *testing.T) {
	event := fsm.NewEvent[struct{}]("event")
	did := 0
	def := with(t, fsm.On(event, fsm.From(idle), starting,
		fsm.If("if", func(context.Context, transition, fsm.NoArg) error { did++; return nil }),
		fsm.Do(func(context.Context, transition, fsm.NoArg) error { did++; return nil })))
	if signals := def.Signals(); len(signals) != 1 || signals[0] != event {
		t.Errorf("the signals are %v", signals)
	}
	m := fsm.New(def)
	if err := m.Fire(t.Context(), event); err != nil || did != 2 {
		t.Errorf("%d of 2 functions ran: %v", did, err)
	}
}
