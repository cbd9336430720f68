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

func TestPlainTable(t *testing.T) { fsmtest.Check(t, fsm.MustDefine("idle", table)) }

func sometimes[T any](n int) func(context.Context, T) error {
	calls := 0
	return func(context.Context, T) error {
		if calls++; calls%n == 0 {
			return errBoom
		}
		return nil
	}
}

// worded has rules of every kind, and code that fails now and then.
func worded(more ...fsm.Rule[state]) *fsm.Definition[state] {
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
		fsm.Guard("warming", "g", sometimes[tr](3)), fsm.GuardEdge("stopped", "idle", "e", sometimes[tr](2)),
		fsm.Before(sometimes[tr](7)), fsm.OnEntry("active", sometimes[tr](2)), fsm.After(sometimes[tr](5)),
	}
	return fsm.MustDefine("idle", table, append(rules, more...)...)
}

func TestEveryKindOfRule(t *testing.T) {
	fsmtest.Check(t, worded(), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
}

func TestUnhandledHookMayAnswer(t *testing.T) {
	fsmtest.Check(t, worded(fsm.OnUnhandled(func(context.Context, *fsm.EventError[state]) error { return nil })),
		fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
}

// nested has states within states, history states and timeouts, and code that fails
// now and then.
func nested(more ...fsm.Rule[state]) *fsm.Definition[state] {
	type tr = fsm.Transition[state]
	rules := []fsm.Rule[state]{
		fsm.Substates[state]("running", "starting", "live"), fsm.Substates[state]("live", "warming", "active"),
		fsm.ShallowHistory[state]("resumed", "running"), fsm.DeepHistory[state]("again", "running"),
		fsm.Self[state]("live"), fsm.Reenter[state]("running"),
		fsm.Timeout[state]("running", time.Hour, "stopped"), fsm.Timeout[state]("warming", time.Minute, "active"),
		fsm.Timeout[state]("starting", 2*time.Minute, "live"), fsm.Timeout[state]("starting", 2*time.Minute, "paused"),
		fsm.TimeoutFunc("active", "jitter", func(t tr) time.Duration { return time.Duration(t.Number) * time.Second }, "live"),
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

func TestHierarchyAndTime(t *testing.T) {
	fsmtest.Check(t, nested(), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
	type tr = fsm.Transition[state]
	fsmtest.Check(t, nested(
		fsm.Guard("live", "g", sometimes[tr](3)), fsm.Guard("running", "h", sometimes[tr](5)), fsm.GuardEdge("warming", "stopped", "e", sometimes[tr](2)),
		fsm.Before(sometimes[tr](7)), fsm.OnEntry("live", sometimes[tr](2)), fsm.OnExit("running", sometimes[tr](4)),
	), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
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

func TestCover(t *testing.T) { fsmtest.Cover(t, fsm.MustDefine("idle", table)) }

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
