package fsmdraw_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// The definitions that the tests draw.
type state string

const (
	idle     state = "idle"
	starting state = "starting"
	warming  state = "warming"
	active   state = "active"
	stopping state = "stopping"
	stopped  state = "stopped"

	// In nested only.
	running state = "running"
	live    state = "live"
	paused  state = "paused"
	resumed state = "resumed" // shallow history state of running
	again   state = "again"   // deep history state of running
)

type (
	ruled = fsm.Rule[state]
	moved = fsm.Transition[state]
)

var table = fsm.Table[state]{
	idle:     {starting},
	starting: {warming, stopping, idle},
	warming:  {active, stopping, idle},
	active:   {stopping},
	stopping: {stopped},
	stopped:  {idle},
}

var lifecycle = fsm.MustDefine(idle, table)

// disk is the argument of boot.
type disk struct{}

var (
	boot  = fsm.NewEvent[disk]("boot")
	route = fsm.NewEvent[string]("route")
	stop  = fsm.NewSignal("stop")
	tick  = fsm.NewSignal("tick")
)

func bootable(context.Context, moved, disk) error { return nil }

func silent(context.Context, moved, fsm.NoArg) error { return nil }

func pass(context.Context, moved) error { return nil }

func toName(_ context.Context, _ moved, name string) (state, error) { return state(name), nil }

// with is the lifecycle with rules.
func with(t testing.TB, rules ...ruled) *fsm.Definition[state] {
	t.Helper()
	def, err := lifecycle.With(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// worded has a rule of every kind that is drawn, without a hierarchy.
func worded(t testing.TB) *fsm.Definition[state] {
	t.Helper()
	return with(t,
		fsm.On(boot, fsm.From(idle), starting, fsm.If("has a disk", bootable)),
		fsm.On(stop, fsm.FromAny[state](), stopping),
		fsm.Ignore(stop, fsm.From(stopping, stopped)),
		fsm.Choose(route, fsm.From(starting), toName, []state{warming, idle}),
		fsm.Internal(tick, fsm.From(active), fsm.If("due", silent)),
		fsm.On(tick, fsm.From(warming), warming),
		fsm.Reenter(warming), fsm.Self(active),
		fsm.Guard(active, "feed is fresh", pass),
		fsm.GuardEdge(stopped, idle, "cool", pass),
	)
}

// service is the definition that the README shows. Its drawing is docs/lifecycle.svg:
//
//	dot -Tsvg fsm/fsmdraw/testdata/lifecycle.dot
func service(t testing.TB) *fsm.Definition[state] {
	t.Helper()
	begin, ready, fail := fsm.NewEvent[disk]("start"), fsm.NewSignal("ready"), fsm.NewSignal("fail")
	return with(t,
		fsm.On(begin, fsm.From(idle), starting, fsm.If("has a disk", bootable)),
		fsm.On(ready, fsm.From(starting), warming), fsm.On(ready, fsm.From(warming), active),
		fsm.On(fail, fsm.From(starting, warming), idle),
		fsm.On(stop, fsm.FromAny[state](), stopping), fsm.Ignore(stop, fsm.From(stopping, stopped)),
		fsm.Internal(tick, fsm.From(active)),
		fsm.Guard(active, "feed is fresh", pass),
	)
}

// nested has two levels of parents, with rules of every kind on each.
func nested(t testing.TB) *fsm.Definition[state] {
	t.Helper()
	table := fsm.Table[state]{
		idle:     {running, active},
		running:  {stopped, paused},
		starting: {live},
		live:     {starting},
		warming:  {active},
		active:   {warming, running},
		paused:   {resumed, again, live},
		stopped:  {},
		resumed:  {},
		again:    {},
	}
	hierarchy := []ruled{
		fsm.Substates(running, starting, live),
		fsm.Substates(live, warming, active),
		fsm.ShallowHistory(resumed, running),
		fsm.DeepHistory(again, running),
	}
	def, err := fsm.Define(idle, table, slices.Concat(hierarchy, []ruled{
		fsm.On(boot, fsm.From(idle), running, fsm.If("has a disk", bootable)), fsm.On(tick, fsm.From(starting), live),
		fsm.On(stop, fsm.From(running), stopped), fsm.On(stop, fsm.From(warming), stopped, fsm.If("cold", silent)), fsm.Ignore(stop, fsm.From(stopped)),
		fsm.Internal(tick, fsm.From(live)), fsm.Ignore(tick, fsm.From(active)),
		fsm.Timeout(running, time.Hour, stopped), fsm.Timeout(warming, 30*time.Second, active), fsm.Timeout(active, 90*time.Second, stopped),
		fsm.TimeoutFunc(paused, "patience", func(context.Context, moved) time.Duration { return time.Minute }, again),
		fsm.Guard(stopped, "calm", pass), fsm.GuardEdge(warming, active, "fresh", pass), fsm.Self(live), fsm.Reenter(paused),
	})...)
	if err != nil {
		t.Fatal(err)
	}
	return def
}
