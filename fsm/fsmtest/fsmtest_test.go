package fsmtest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmtest"
)

type state string

var table = fsm.Table[state]{
	"idle":     {"starting"},
	"starting": {"warming", "stopping", "idle"},
	"warming":  {"active", "stopping", "idle"},
	"active":   {"stopping"},
	"stopping": {"stopped"},
	"stopped":  {"idle"},
}

var (
	boot = fsm.NewEvent[int]("boot")
	stop = fsm.NewSignal("stop")
	tick = fsm.NewSignal("tick")
)

var errBoom = errors.New("boom")

func TestCheckAcceptsAPlainTable(t *testing.T) { fsmtest.Check(t, fsm.MustDefine("idle", table)) }

// failsEvery returns a guard or hook that fails in every n-th call.
func failsEvery[T any](n int) func(context.Context, T) error {
	calls := 0
	return func(context.Context, T) error {
		if calls++; calls%n == 0 {
			return errBoom
		}
		return nil
	}
}

// withEveryRule has rules of every kind, and guards and hooks that sometimes fail.
func withEveryRule(more ...fsm.Rule[state]) *fsm.Definition[state] {
	type tr = fsm.Transition[state]
	rules := []fsm.Rule[state]{
		fsm.On(boot, fsm.From[state]("idle"), "starting", fsm.If("even", func(_ context.Context, _ tr, n int) error {
			if n%2 == 1 {
				return errBoom
			}
			return nil
		})),
		fsm.On(boot, fsm.From[state]("warming"), "active"), fsm.Ignore(boot, fsm.From[state]("active")),
		fsm.Choose(boot, fsm.From[state]("starting"), func(_ context.Context, t tr, n int) (state, error) {
			return []state{"warming", "idle", "active", t.From}[n], nil
		}, []state{"warming", "idle"}),
		fsm.On(stop, fsm.FromAny[state](), "stopping"), fsm.Internal(stop, fsm.From[state]("stopping")),
		fsm.On(tick, fsm.From[state]("active"), "active"), fsm.Self[state]("active"),
		fsm.On(tick, fsm.From[state]("warming"), "warming"), fsm.Reenter[state]("warming"),
		fsm.Internal(tick, fsm.From[state]("idle"), fsm.Do(func(ctx context.Context, _ tr, _ fsm.NoArg) error { return nil })),
		fsm.Guard("warming", "g", failsEvery[tr](3)), fsm.GuardEdge("stopped", "idle", "e", failsEvery[tr](2)),
		fsm.Before(failsEvery[tr](7)), fsm.OnEntry("active", failsEvery[tr](2)), fsm.After(failsEvery[tr](5)),
	}
	return fsm.MustDefine("idle", table, append(rules, more...)...)
}

func TestCheckAcceptsEveryKindOfRule(t *testing.T) {
	fsmtest.Check(t, withEveryRule(), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
}

func TestCheckAcceptsAnUnhandledHook(t *testing.T) {
	fsmtest.Check(t, withEveryRule(fsm.OnUnhandled(func(context.Context, *fsm.EventError[state]) error { return nil })),
		fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
}

// nested has substates, history states and timeouts.
func nested(more ...fsm.Rule[state]) *fsm.Definition[state] {
	type tr = fsm.Transition[state]
	rules := []fsm.Rule[state]{
		fsm.Substates[state]("running", "starting", "live"), fsm.Substates[state]("live", "warming", "active"),
		fsm.ShallowHistory[state]("resumed", "running"), fsm.DeepHistory[state]("again", "running"),
		fsm.Self[state]("live"), fsm.Reenter[state]("running"),
		fsm.Timeout[state]("running", time.Hour, "stopped"), fsm.Timeout[state]("warming", time.Minute, "active"),
		fsm.Timeout[state]("starting", 2*time.Minute, "live"), fsm.Timeout[state]("starting", 2*time.Minute, "paused"),
		fsm.TimeoutFunc("active", "jitter", func(_ context.Context, t tr) time.Duration { return time.Duration(t.Number) * time.Second }, "live"),
		fsm.On(boot, fsm.From[state]("idle"), "running"), fsm.On(boot, fsm.From[state]("running"), "running"),
		fsm.On(stop, fsm.From[state]("running"), "stopped"), fsm.On(stop, fsm.From[state]("live"), "live"), fsm.Ignore(stop, fsm.From[state]("warming")),
		fsm.On(tick, fsm.From[state]("paused"), "again"), fsm.Internal(tick, fsm.FromAny[state]()),
	}
	return fsm.MustDefine("idle", fsm.Table[state]{
		"idle": {"running", "active"}, "running": {"stopped", "paused", "starting"}, "starting": {"live"}, "live": {},
		"warming": {"active"}, "active": {"warming", "again"}, "paused": {"resumed", "again", "live"}, "stopped": {"idle"},
		"resumed": {}, "again": {},
	}, append(rules, more...)...)
}

func TestCheckAcceptsHierarchyAndTimeouts(t *testing.T) {
	fsmtest.Check(t, nested(), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
	type tr = fsm.Transition[state]
	fsmtest.Check(t, nested(
		fsm.Guard("live", "g", failsEvery[tr](3)), fsm.Guard("running", "h", failsEvery[tr](5)), fsm.GuardEdge("warming", "stopped", "e", failsEvery[tr](2)),
		fsm.Before(failsEvery[tr](7)), fsm.OnEntry("live", failsEvery[tr](2)), fsm.OnExit("running", failsEvery[tr](4)),
	), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
}

// The guards of a parent have run for a candidate that the guard of a child refuses, when the next
// candidate is tried.
func TestCheckAcceptsACandidateAfterOneThatAChildRefuses(t *testing.T) {
	moved, inPlace, ignored := fsm.NewSignal("moved"), fsm.NewSignal("in place"), fsm.NewSignal("ignored")
	fsmtest.Check(t, fsm.MustDefine("idle", fsm.Table[state]{"idle": {"warming", "active"}, "live": {"idle"}, "warming": {}, "active": {}},
		fsm.Substates[state]("live", "warming", "active"),
		fsm.Guard("warming", "never", func(context.Context, fsm.Transition[state]) error { return errBoom }),
		fsm.On(moved, fsm.From[state]("idle"), "warming"), fsm.On(moved, fsm.From[state]("idle"), "active"),
		fsm.On(inPlace, fsm.From[state]("idle"), "warming"), fsm.Internal(inPlace, fsm.From[state]("idle")),
		fsm.On(ignored, fsm.From[state]("idle"), "warming"), fsm.Ignore(ignored, fsm.From[state]("idle"))))
}

// A deep history state of a parent that was never left stands for the first child, which is left
// and entered again.
func TestCheckAcceptsDeepHistoryOfAParentThatWasNeverLeft(t *testing.T) {
	fsmtest.Check(t, fsm.MustDefine("idle", fsm.Table[state]{"idle": {"running"}, "running": {}, "live": {}, "warming": {"again"}, "again": {}},
		fsm.Substates[state]("running", "live"), fsm.Substates[state]("live", "warming"), fsm.DeepHistory[state]("again", "running")))
}

func TestCoverTakesTheEdgesOfLeaves(t *testing.T) {
	fsmtest.Cover(t, nested())
	want := [][]state{
		{"idle", "running", "running"}, {"idle", "running", "live", "live"},
	}
	paths := fsmtest.Paths(nested())
	for _, path := range want {
		if !slices.ContainsFunc(paths, func(p []state) bool { return slices.Equal(p, path) }) {
			t.Errorf("no path %v in %v", path, paths)
		}
	}
}

func TestCoverTakesAPlainTable(t *testing.T) { fsmtest.Cover(t, fsm.MustDefine("idle", table)) }

// failures is data of a machine. Its method check fails in every n-th call if every is n.
type failures struct{ calls, every int }

func (f *failures) check() error {
	if f.calls++; f.every > 0 && f.calls%f.every == 0 {
		return errBoom
	}
	return nil
}

func TestMachinesGetTheirOptions(t *testing.T) {
	data := fsm.NewData[*failures]("failures")
	check := func(ctx context.Context, _ fsm.Transition[state]) error { return data.Of(ctx).check() }
	plain := fsm.MustDefine("idle", table, fsm.Requires[state](data), fsm.Guard("warming", "required", check), fsm.OnEntry("active", check))
	timed, err := plain.With(fsm.TimeoutFunc("starting", "required", func(ctx context.Context, _ fsm.Transition[state]) time.Duration {
		return time.Duration(1+data.Of(ctx).calls%3) * time.Second
	}, "idle"))
	if err != nil {
		t.Fatal(err)
	}
	for name, def := range map[string]*fsm.Definition[state]{"plain": plain, "timed": timed} {
		t.Run(name, func(t *testing.T) {
			checked, covered := &failures{every: 3}, new(failures)
			fsmtest.Check(t, def, fsmtest.Options[state](fsm.WithHistory(0)), fsmtest.Options[state](fsm.WithData(data, checked)))
			fsmtest.Cover(t, def, fsmtest.Options[state](fsm.WithData(data, covered)))
			if checked.calls == 0 || covered.calls == 0 {
				t.Errorf("Check made %d calls and Cover %d, want some", checked.calls, covered.calls)
			}
		})
	}
}

func TestPathsTakeEveryEdge(t *testing.T) {
	want := [][]state{
		{"idle", "starting", "idle"},
		{"idle", "starting", "warming", "idle"},
		{"idle", "starting", "warming", "stopping"},
		{"idle", "starting", "stopping", "stopped", "idle"},
		{"idle", "starting", "warming", "active", "stopping"},
	}
	if diff := cmp.Diff(want, fsmtest.Paths(fsm.MustDefine("idle", table))); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if paths := fsmtest.Paths(fsm.MustDefine("a", fsm.Table[string]{"a": nil})); paths != nil {
		t.Errorf("a single state has %v", paths)
	}
}

func ExamplePaths() {
	def := fsm.MustDefine("placed", fsm.Table[string]{
		"placed": {"paid", "cancelled"}, "paid": {"shipped", "cancelled"}, "shipped": {}, "cancelled": {},
	})
	for _, path := range fsmtest.Paths(def) {
		fmt.Println(path)
	}
	// Output:
	// [placed cancelled]
	// [placed paid cancelled]
	// [placed paid shipped]
}
