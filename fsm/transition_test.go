package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestEveryPairOfStatesFollowsTheTable(t *testing.T) {
	for _, from := range lifecycle.States() {
		for _, to := range append(lifecycle.States(), "bogus") {
			m := machineIn(t, from)
			before := m.Snapshot()
			err := m.Transition(context.Background(), to)
			if lifecycle.Can(from, to) {
				if err != nil || m.State() != to {
					t.Errorf("%v -> %v: error %v, now in %v", from, to, err, m.State())
				}
				continue
			}
			refused := wantRefusal(t, err, fsm.PhaseTable, fsm.ErrInvalidTransition)
			if diff := cmp.Diff(table[from], refused.Permitted); diff != "" || refused.From != from || refused.To != to {
				t.Errorf("%v -> %v: error %+v; permitted (-want +got):\n%s", from, to, refused, diff)
			}
			if diff := cmp.Diff(before, m.Snapshot()); diff != "" {
				t.Errorf("%v -> %v was refused and left a trace (-before +after):\n%s", from, to, diff)
			}
		}
	}
}

// Errors of one state share the list of permitted states. An append must not write to it.
func TestPermittedStatesOfAnErrorMayBeAppendedTo(t *testing.T) {
	m := machineIn(t, starting)
	first := wantRefusal(t, m.Transition(context.Background(), active), fsm.PhaseTable, fsm.ErrInvalidTransition)
	second := wantRefusal(t, m.Transition(context.Background(), active), fsm.PhaseTable, fsm.ErrInvalidTransition)
	mine := append(first.Permitted, "mine")
	_ = append(second.Permitted, "yours")
	if diff := cmp.Diff([]state{warming, stopping, idle, "mine"}, mine); diff != "" {
		t.Errorf("after an append to the list of another error (-want +got):\n%s", diff)
	}
}

// machineIn returns a machine that has made the transitions to a state.
func machineIn(t *testing.T, want state) *fsm.Machine[state] {
	m := fsm.New(lifecycle)
	for _, to := range []state{starting, warming, active, stopping, stopped} {
		if m.State() == want {
			break
		}
		walk(t, m, to)
	}
	return m
}

func TestErrorNamesStatesAndCause(t *testing.T) {
	failing := func(text string) hook { return failsWith(errors.New(text)) }
	final := fsm.MustDefine("stopped", fsm.Table[string]{"stopped": {}})
	ended, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("deadline of the request"))
	tests := map[string]struct {
		err  error
		want string
	}{
		"one allowed":  {try(lifecycle, active), "idle -> active is not in the table; from idle: starting"},
		"some allowed": {machineIn(t, starting).Transition(context.Background(), active), "starting -> active is not in the table; from starting: warming, stopping, idle"},
		"final":        {fsm.New(final).Transition(context.Background(), "idle"), "stopped -> idle is not in the table; stopped is final"},
		"context":      {fsm.New(lifecycle).Transition(ended, starting), "idle -> starting: context canceled: deadline of the request"},
		"guard":        {try(with(t, fsm.Guard(starting, "feed is fresh", failing("12s old"))), starting), `idle -> starting: guard "feed is fresh": 12s old`},
		"before":       {try(with(t, fsm.Before(failing("no"))), starting), "idle -> starting: before hook: no"},
		"exit":         {try(with(t, fsm.OnExit(idle, failing("no"))), starting), "idle -> starting moved, but exit hook: no"},
		"all hooks": {try(with(t, fsm.After(failing("c")), fsm.OnEntry(starting, failing("b")), fsm.OnExit(idle, failing("a"))), starting),
			"idle -> starting moved, but exit hook: a; entry hook: b; after hook: c"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.err == nil || test.err.Error() != test.want {
				t.Errorf("got  %v\nwant %v", test.err, test.want)
			}
		})
	}
}

// try makes one transition on a fresh machine.
func try(def *fsm.Definition[state], to state) error {
	return fsm.New(def).Transition(context.Background(), to)
}

// journal records guards and hooks with the state of the machine at that time.
type journal struct {
	lines   []string
	machine *fsm.Machine[state]
}

func (j *journal) note(name string) hook {
	return func(_ context.Context, tr transition) error {
		j.lines = append(j.lines, fmt.Sprintf("%s %d %v->%v in %v", name, tr.Number, tr.From, tr.To, j.machine.State()))
		return nil
	}
}

func TestOrderOfATransition(t *testing.T) {
	var j journal
	// The rules are not in the order in which they run.
	def := with(t,
		fsm.After(j.note("after")),
		fsm.OnEntry(starting, j.note("enter 1")),
		fsm.OnEntry(idle, j.note("wrong enter")),
		fsm.OnExit(idle, j.note("exit")),
		fsm.OnExit(starting, j.note("wrong exit")),
		fsm.Before(j.note("before")),
		fsm.Guard(starting, "g1", j.note("guard 1")),
		fsm.Guard(idle, "g", j.note("wrong guard")),
		fsm.Encode(func(ctx context.Context, s fsm.Snapshot[state]) ([]byte, error) {
			j.lines = append(j.lines, fmt.Sprintf("encode %v in %v", s.State, j.machine.State()))
			return raw(ctx, s)
		}),
		fsm.Guard(starting, "g2", j.note("guard 2")),
		fsm.OnEntry(starting, j.note("enter 2")),
	)
	held := newLease()
	held.wrote = func() { j.lines = append(j.lines, fmt.Sprintf("written in %v", j.machine.State())) }
	j.machine = fsm.New(def, fsm.WithWriter(held))
	walk(t, j.machine, starting)

	want := []string{
		"guard 1 1 idle->starting in idle",
		"guard 2 1 idle->starting in idle",
		"before 1 idle->starting in idle",
		"encode starting in idle",
		"written in idle",
		"exit 1 idle->starting in starting",
		"enter 1 1 idle->starting in starting",
		"enter 2 1 idle->starting in starting",
		"after 1 idle->starting in starting",
	}
	if diff := cmp.Diff(want, j.lines); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestVetoSkipsLaterGuardsAndHooks(t *testing.T) {
	tests := map[string]struct {
		veto  stateRule
		phase fsm.Phase
		want  int // the number of other guards and hooks that run
	}{
		"guard":  {fsm.Guard(starting, "veto", failsWith(errBoom)), fsm.PhaseGuard, 1},
		"before": {fsm.Before(failsWith(errBoom)), fsm.PhaseBefore, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			ran := 0
			count := func(context.Context, transition) error { ran++; return nil }
			m := fsm.New(with(t, fsm.Guard(starting, "first", count), test.veto, fsm.Guard(starting, "second", count),
				fsm.Before(count), fsm.OnExit(idle, count), fsm.OnEntry(starting, count), fsm.After(count)))
			wantRefusal(t, m.Transition(context.Background(), starting), test.phase, errBoom)
			wantState(t, m, idle, 0)
			if ran != test.want {
				t.Errorf("%d other guards and hooks ran, want %d", ran, test.want)
			}
		})
	}
}

func TestGuardErrorNamesTheGuard(t *testing.T) {
	err := try(with(t, fsm.Guard(starting, "feed is fresh", failsWith(errBoom))), starting)
	guard, ok := errors.AsType[*fsm.GuardError](err)
	if !ok || guard.Name != "feed is fresh" || guard.Err != errBoom {
		t.Errorf("got %+v, want the guard's name and its error", err)
	}
}

func TestErrorOfAHookAfterTheCommitHasMoved(t *testing.T) {
	tests := map[fsm.Phase]stateRule{
		fsm.PhaseExit:  fsm.OnExit(idle, failsWith(errBoom)),
		fsm.PhaseEntry: fsm.OnEntry(starting, failsWith(errBoom)),
		fsm.PhaseAfter: fsm.After(failsWith(errBoom)),
	}
	for phase, rule := range tests {
		t.Run(phase.String(), func(t *testing.T) {
			last := false
			m := fsm.New(with(t, rule, fsm.After(func(context.Context, transition) error { last = true; return nil })))
			err := m.Transition(context.Background(), starting)
			failed, _ := errors.AsType[*fsm.TransitionError[state]](err)
			if failed == nil || !failed.Moved || failed.Phase != phase || failed.From != idle || failed.To != starting || !errors.Is(err, errBoom) {
				t.Errorf("got %+v, want idle -> starting, moved, with phase %v", failed, phase)
			}
			if diff := cmp.Diff([]state{starting}, failed.Permitted); diff != "" {
				t.Errorf("permitted states are not those of From (-want +got):\n%s", diff)
			}
			wantState(t, m, starting, 1)
			if !last {
				t.Error("the hook after the failed hook did not run")
			}
		})
	}
}

func TestErrorHasThePhaseOfTheFirstFailedHook(t *testing.T) {
	def := with(t, fsm.OnExit(idle, failsWith(nil)), fsm.OnEntry(starting, failsWith(errBoom)), fsm.After(failsWith(context.Canceled)))
	err := try(def, starting)
	failed, _ := errors.AsType[*fsm.TransitionError[state]](err)
	if failed == nil || failed.Phase != fsm.PhaseEntry || !errors.Is(err, errBoom) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %+v, want both errors and phase %v", failed, fsm.PhaseEntry)
	}
}

func TestGuardsAndHooksGetTheTransitionAndTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx := context.WithValue(context.Background(), key{}, "mine")
		var got []transition
		look := func(ctx context.Context, tr transition) error {
			if ctx.Value(key{}) != "mine" {
				t.Error("the context does not have the value of the caller's context")
			}
			got = append(got, tr)
			return nil
		}
		m := fsm.New(with(t, fsm.Guard(starting, "g", look), fsm.After(look)))
		time.Sleep(time.Minute)
		if err := m.TransitionWithCause(ctx, starting, "operator"); err != nil {
			t.Fatal(err)
		}
		want := transition{Number: 1, From: idle, To: starting, At: time.Now().UTC(), Cause: "operator"}
		if diff := cmp.Diff([]transition{want, want}, got); diff != "" {
			t.Errorf("transition (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]transition{want}, m.History()); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	})
}

func TestContextThatEndsInAHookDoesNotEndTheTransition(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := fsm.New(with(t, fsm.Before(func(context.Context, transition) error { cancel(); return nil })))
	if err := m.Transition(ctx, starting); err != nil {
		t.Error(err)
	}
	wantState(t, m, starting, 1)
}

func TestResetIgnoresTableGuardsAndHooks(t *testing.T) {
	refuse := failsWith(errBoom)
	hooks := 0
	def := with(t, fsm.Guard(idle, "never", refuse), fsm.After(func(_ context.Context, tr transition) error {
		if tr.Forced {
			hooks++
		}
		return nil
	}))
	m := fsm.New(def)
	walk(t, m, starting, warming, active)
	for _, cause := range []string{"recovery", "once more"} { // the second reset is from idle to idle
		if err := m.Reset(context.Background(), cause); err != nil {
			t.Fatal(err)
		}
	}
	wantState(t, m, idle, 5)
	if hooks != 0 {
		t.Error("a reset ran a hook")
	}
	past := m.History()
	for i, from := range []state{active, idle} {
		got := past[3+i]
		want := transition{Number: uint64(4 + i), From: from, To: idle, At: got.At, Cause: []string{"recovery", "once more"}[i], Forced: true}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("reset (-want +got):\n%s", diff)
		}
	}
}

func TestPhaseHasAName(t *testing.T) {
	want := []string{"invalid", "turn", "ended", "table", "guard", "before", "write", "exit", "edge", "entry", "after", "invalid"}
	for i, name := range want {
		if got := fsm.Phase(i).String(); got != name {
			t.Errorf("phase %d is %q, want %q", i, got, name)
		}
	}
}
