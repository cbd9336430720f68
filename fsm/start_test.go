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
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// startsNested is a definition whose initial state lies in others, with hooks that record
// themselves, and a timeout for each level.
func startsNested(t testing.TB, ran *trace, more ...stateRule) *fsm.Definition[state] {
	t.Helper()
	return fsm.MustDefine(running, fsm.Table[state]{running: {stopped}, live: {}, warming: {active}, active: {warming}, stopped: {running}},
		append(append(ran.forStates(running, live, warming, active, stopped), fsm.Substates(running, live), fsm.Substates(live, warming, active),
			fsm.Timeout(warming, time.Minute, active), fsm.Timeout(running, time.Hour, stopped), fsm.On(stop, fsm.From(running), stopped),
			fsm.Before(ran.records("before")), fsm.After(ran.records("after")),
			fsm.Finally(func(_ context.Context, tr transition, err error) { ran.add(fmt.Sprint("finally ", tr.Start, " ", err)) })), more...)...)
}

var startTrace = []string{"guard running", "guard live", "guard warming", "before", "enter running", "enter live", "enter warming", "after", "finally true <nil>"}

func TestStartEntersTheInitialStateInTheOrderOfAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, cause := range []string{"", "deployed"} {
			var ran trace
			held := newLease()
			held.wrote = func() { ran.add("written") }
			m := fsm.New(startsNested(t, &ran), fsm.WithWriter(held), fsm.WithManualStart())
			seen := m.Subscribe(t.Context(), 1)
			time.Sleep(2 * time.Hour)
			if err := m.StartWithCause(t.Context(), cause); err != nil {
				t.Fatal(err)
			}
			want := slices.Insert(slices.Clone(startTrace), 4, "written")
			if diff := cmp.Diff(want, ran.lines); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
			s := m.Snapshot()
			due := []time.Time{s.Timeouts[0].Due, s.Timeouts[1].Due}
			if s.Unstarted || time.Since(s.Since) > time.Second || time.Until(due[0]) != time.Hour || time.Until(due[1]) != time.Minute {
				t.Errorf("snapshot %+v", s)
			}
			wantStored(t, held, m)
			if cause == "" {
				wantState(t, m, warming, 0)
			} else {
				wantState(t, m, warming, 1)
				entry := transition{Number: 1, From: warming, To: warming, At: s.Since, Cause: cause, Start: true}
				if diff := cmp.Diff([]transition{entry}, s.History); diff != "" {
					t.Errorf("history (-want +got):\n%s", diff)
				}
				for told, err := range seen {
					if told != entry || err != nil {
						t.Errorf("a subscriber was told of %+v, %v", told, err)
					}
					break
				}
			}
			ran.clear()
			wantAt(t, m, time.Minute, active)
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
			again := restored(t, m.Definition(), transferred(t, m.Snapshot()))
			if diff := cmp.Diff(m.Snapshot(), again.Snapshot()); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		}
	})
}

// A machine that was not started can be read, but refuses every change and runs neither code
// nor timeouts.
func TestMachineThatIsNotStartedOnlyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		var ran trace
		def := startsNested(t, &ran)
		held := newLease()
		fresh := fsm.New(def, fsm.WithWriter(held), fsm.WithManualStart())
		used := fsm.New(def)
		if err := used.Close(ctx); err != nil {
			t.Fatal(err)
		}
		loaded := restored(t, def, used.Snapshot(), fsm.WithWriter(held), fsm.WithManualStart())
		plain := fsm.New(lifecycle, fsm.WithManualStart())
		time.Sleep(2 * time.Hour)
		for _, m := range []*fsm.Machine[state]{fresh, loaded, plain} {
			before := m.Snapshot()
			to := m.Next()[0]
			_, permitted := m.PermittedEvents(ctx)
			for call, err := range map[string]error{
				"transition": m.Transition(ctx, to), "signal": m.Fire(ctx, stop), "event": fsm.Fire(ctx, m, boot, disk{}), "reset": m.Reset(ctx, ""), "permitted events": permitted,
			} {
				if !errors.Is(err, fsm.ErrNotStarted) {
					t.Errorf("%s: got %v, want %v", call, err, fsm.ErrNotStarted)
				}
			}
			wantRefusal(t, m.Transition(ctx, to), fsm.PhaseTurn, fsm.ErrNotStarted)
			if s, err := m.Wait(ctx, m.State()); s != m.State() || err != nil {
				t.Errorf("wait: %v, %v", s, err)
			}
			if diff := cmp.Diff(before, m.Snapshot()); diff != "" || !m.Can(to) || len(m.History()) > 0 {
				t.Errorf("snapshot (-before +after):\n%s", diff)
			}
			if unstarted := m != loaded; before.Unstarted != unstarted {
				t.Errorf("unstarted: %v, want %v", before.Unstarted, unstarted)
			}
		}
		if writes, _ := held.counts(); writes > 0 || len(ran.lines) > 0 {
			t.Errorf("%d writes; ran %q", writes, ran.lines)
		}
	})
}

// A restored machine runs its timeouts from Start on, and neither writes nor runs hooks for it.
func TestRestoredMachineWaitsForStartBeforeItsTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran trace
		def := startsNested(t, &ran)
		m := fsm.New(def)
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		held := newLease()
		on := restored(t, def, transferred(t, m.Snapshot()), fsm.WithManualStart(), fsm.WithWriter(held))
		wantAt(t, on, time.Minute, warming)
		if diff := cmp.Diff(m.Snapshot(), on.Snapshot()); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
		if err := on.StartWithCause(t.Context(), "loaded"); err != nil {
			t.Fatal(err)
		}
		wantAt(t, on, 0, active)
		ended := newLease()
		ended.end(errBoom)
		wantRefusal(t, restored(t, def, m.Snapshot(), fsm.WithManualStart(), fsm.WithWriter(ended)).Start(t.Context()), fsm.PhaseEnded, errBoom)
		writes, _ := held.counts()
		want := []string{"guard active", "before", "exit warming", "enter active", "after", "finally false <nil>"}
		if diff := cmp.Diff(want, ran.lines); diff != "" || writes != 1 {
			t.Errorf("%d writes; ran (-want +got):\n%s", writes, diff)
		}
		wantState(t, on, active, 1)
		wantAt(t, on, 57*time.Minute, stopped)
	})
}

func TestSecondStartIsRefused(t *testing.T) {
	ctx := t.Context()
	manual := fsm.New(lifecycle, fsm.WithManualStart())
	if err := manual.Start(ctx); err != nil {
		t.Fatal(err)
	}
	walk(t, manual, starting)
	for _, m := range []*fsm.Machine[state]{manual, fsm.New(lifecycle), restored(t, lifecycle, manual.Snapshot())} {
		before := m.Snapshot()
		wantRefusal(t, m.StartWithCause(ctx, "again"), fsm.PhaseTurn, fsm.ErrStarted)
		if diff := cmp.Diff(before, m.Snapshot()); diff != "" {
			t.Errorf("(-before +after):\n%s", diff)
		}
	}
}

// A Start that fails before the commit changes nothing, and the next one can succeed.
func TestFailedStartCanBeTriedAgain(t *testing.T) {
	var refuse, veto, guard error
	def := func(t *testing.T, ran *trace) *fsm.Definition[state] {
		return startsNested(t, ran, fsm.Before(func(context.Context, transition) error { return veto }),
			fsm.Guard(live, "ready", func(context.Context, transition) error { return guard }))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx   context.Context
		fails *error
		phase fsm.Phase
		cause error
	}{
		"write":   {t.Context(), &refuse, fsm.PhaseWrite, errBoom},
		"before":  {t.Context(), &veto, fsm.PhaseBefore, errBoom},
		"guard":   {t.Context(), &guard, fsm.PhaseGuard, errBoom},
		"context": {ended, new(error), fsm.PhaseTurn, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			var ran trace
			held := newLease()
			held.answer = func() error { return refuse }
			m := fsm.New(def(t, &ran), fsm.WithWriter(held), fsm.WithManualStart())
			defer m.Close(context.Background())
			before := m.Snapshot()
			*test.fails = errBoom
			wantRefusal(t, m.StartWithCause(test.ctx, "first"), test.phase, test.cause)
			wantRefusal(t, m.Transition(t.Context(), stopped), fsm.PhaseTurn, fsm.ErrNotStarted)
			if diff := cmp.Diff(before, m.Snapshot()); diff != "" || slices.Contains(ran.lines, "enter running") {
				t.Errorf("ran %q; (-before +after):\n%s", ran.lines, diff)
			}
			*test.fails = nil
			if err := m.StartWithCause(t.Context(), "second"); err != nil {
				t.Error(err)
			}
			wantState(t, m, warming, 1)
		})
	}
	m := fsm.New(lifecycle, fsm.WithManualStart())
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, m.Start(t.Context()), fsm.PhaseTurn, fsm.ErrClosed)
}

// A hook that fails after the commit, and one that panics, leave a started machine.
func TestStartHasHappenedWhenAHookFails(t *testing.T) {
	m := fsm.New(with(t, fsm.OnEntry(idle, failsWith(errBoom))), fsm.WithManualStart())
	err := m.Start(t.Context())
	if failed, ok := errors.AsType[*fsm.TransitionError[state]](err); !ok || !failed.Moved || failed.Phase != fsm.PhaseEntry || !errors.Is(err, errBoom) {
		t.Errorf("got %v", err)
	}
	walk(t, m, starting)

	for _, rule := range []func(state, hook) stateRule{fsm.OnEntry[state], func(s state, h hook) stateRule { return fsm.Guard(s, "g", h) }} {
		panics := true
		m = fsm.New(with(t, rule(idle, func(context.Context, transition) error {
			if panics {
				panic(errBoom)
			}
			return nil
		})), fsm.WithManualStart())
		func() {
			defer func() { _ = recover() }()
			_ = m.Start(t.Context())
		}()
		panics = false
		if m.Snapshot().Unstarted {
			if err := m.Start(t.Context()); err != nil {
				t.Error(err)
			}
		}
		walk(t, m, starting)
	}
}

// A snapshot of a machine that was not started is that of one that waits for Start.
func TestSnapshotOfAnUnstartedMachineWaitsForStart(t *testing.T) {
	var ran trace
	def := startsNested(t, &ran)
	s := fsm.New(def, fsm.WithManualStart()).Snapshot()
	for _, opts := range [][]fsm.Option{nil, {fsm.WithManualStart()}} {
		ran.clear()
		m := restored(t, def, transferred(t, s), opts...)
		if diff := cmp.Diff(s, m.Snapshot()); diff != "" {
			t.Errorf("restored (-want +got):\n%s", diff)
		}
		wantRefusal(t, m.Transition(t.Context(), stopped), fsm.PhaseTurn, fsm.ErrNotStarted)
		if err := m.Start(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(startTrace, ran.lines); diff != "" {
			t.Errorf("ran (-want +got):\n%s", diff)
		}
	}
	for name, change := range map[string]func(*snapshot){
		"state":  func(s *snapshot) { s.State = active },
		"number": func(s *snapshot) { s.Number = 1 },
		"timeout": func(s *snapshot) {
			s.Timeouts = []fsm.PendingTimeout[state]{{State: warming, To: active, Due: time.Now()}}
		},
	} {
		wrong := s
		change(&wrong)
		const want = `bad snapshot: unstarted: the machine has to be in "warming", with number 0, and without history, timeouts and memory`
		if _, err := fsm.Restore(def, wrong); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
	for name, entry := range map[string]transition{
		"moves":  {Number: 1, From: warming, To: active, Start: true},
		"forced": {Number: 1, From: active, To: active, Start: true, Forced: true},
		"event":  {Number: 1, From: active, To: active, Start: true, Event: "stop"},
	} {
		entry.At = time.Now()
		if m, err := fsm.Restore(def, snapshot{State: active, Since: entry.At, Number: 1, History: []transition{entry}}); err == nil {
			t.Errorf("%s: restored in %s", name, m.State())
		}
	}
}

// Changes that hooks of Start queue run after it, and are refused if it fails.
func TestChangesQueuedDuringStartRunAfterIt(t *testing.T) {
	var m *fsm.Machine[state]
	var failed []error
	var veto error
	def := with(t, fsm.Before(func(ctx context.Context, tr transition) error {
		if tr.Start {
			return errors.Join(m.Transition(ctx, starting), veto)
		}
		return nil
	}))
	m = fsm.New(def, fsm.WithManualStart(), fsm.WithQueue(2, func(_ context.Context, err error) { failed = append(failed, err) }))
	veto = errBoom
	wantRefusal(t, m.Start(t.Context()), fsm.PhaseBefore, errBoom)
	if len(failed) != 1 || !errors.Is(failed[0], fsm.ErrNotStarted) {
		t.Errorf("the queued change failed with %v", failed)
	}
	veto = nil
	if err := m.Start(t.Context()); err != nil {
		t.Error(err)
	}
	wantState(t, m, starting, 1)
}

// A machine whose writer ended before its start can be detached and started.
func TestDetachedMachineCanBeStarted(t *testing.T) {
	held := newLease()
	m := fsm.New(lifecycle, fsm.WithWriter(held), fsm.WithManualStart())
	held.end(errBoom)
	wantRefusal(t, m.Start(t.Context()), fsm.PhaseEnded, errBoom)
	if err := errors.Join(m.Detach(t.Context()), m.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	walk(t, m, starting)
	if n := testing.AllocsPerRun(10, func() { _ = m.Transition(t.Context(), idle); _ = m.Transition(t.Context(), starting) }); n > 0 {
		t.Errorf("%v allocations for two transitions of a plain machine that was started", n)
	}
}

// Of any number of concurrent calls of Start one succeeds, and changes fail until then.
func TestConcurrentStartsStartOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := fsm.New(lifecycle, fsm.WithManualStart())
		calls := rapid.SliceOfN(rapid.Bool(), 2, 8).Draw(rt, "starts")
		calls = append(calls, true)
		results := make(chan error, len(calls))
		for _, start := range calls {
			go func() {
				if start {
					results <- m.StartWithCause(context.Background(), "start")
				} else {
					err := m.Transition(context.Background(), starting)
					if err == nil || errors.Is(err, fsm.ErrNotStarted) || errors.Is(err, fsm.ErrInvalidTransition) {
						err = fsm.ErrStarted // not one that started it
					}
					results <- err
				}
			}()
		}
		started := 0
		for range calls {
			if err := <-results; err == nil {
				started++
			} else if !errors.Is(err, fsm.ErrStarted) {
				rt.Fatal(err)
			}
		}
		past := m.History()
		if started != 1 || len(past) == 0 || !past[0].Start || len(past) > 2 {
			rt.Fatalf("%d starts, history %+v", started, past)
		}
	})
}
