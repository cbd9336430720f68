package fsmtest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

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
		fsm.Internal(tick, fsm.From[state]("idle"), fsm.Do(func(ctx context.Context, _ tr, _ fsm.None) error { return nil })),
		fsm.Guard("warming", "g", sometimes[tr](3)), fsm.GuardEdge("stopped", "idle", "e", sometimes[tr](2)),
		fsm.Before(sometimes[tr](7)), fsm.Enter("active", sometimes[tr](2)), fsm.After(sometimes[tr](5)),
	}
	return fsm.MustDefine("idle", table, append(rules, more...)...)
}

func TestEveryKindOfRule(t *testing.T) {
	fsmtest.Check(t, worded(), fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
}

func TestUnhandledHookMayAnswer(t *testing.T) {
	fsmtest.Check(t, worded(fsm.Unhandled(func(context.Context, *fsm.EventError[state]) error { return nil })),
		fsmtest.Arg[state](boot, rapid.IntRange(0, 3)))
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
