package fsm_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

type Door string

const (
	Open    Door = "open"
	Shut    Door = "shut"
	Closed  Door = "closed"
	Locked  Door = "locked"
	Relock  Door = "relock"
	Slammed Door = "slammed"
)

var door = fsm.MustDefine(Open, fsm.Table[Door]{
	Open:   {Shut, Relock},
	Shut:   {Open}, // from every state within it
	Closed: {Locked},
	Locked: {Closed},
	Relock: {},
},
	fsm.Substates(Shut, Closed, Locked),
	fsm.DeepHistory(Relock, Shut),
	fsm.Timeout(Closed, 10*time.Second, Locked),
)

func ExampleSubstates() {
	ctx := context.Background()
	m := fsm.New(door)
	defer m.Close(ctx)
	_ = m.Transition(ctx, Shut)
	fmt.Println(m.State(), m.In(Shut), m.Next())
	_ = m.Transition(ctx, Locked)
	_ = m.Transition(ctx, Open) // an edge of the parent
	fmt.Println(m.State(), m.In(Shut))
	// Output:
	// closed true [locked open]
	// open false
}

// Each call wakes the session up, which does not end it.
func ExampleLocal() {
	ctx := context.Background()
	notice := func(line string) func(context.Context, fsm.Transition[string]) error {
		return func(context.Context, fsm.Transition[string]) error { fmt.Println(line); return nil }
	}
	def := fsm.MustDefine("session", fsm.Table[string]{
		"session": {"awake", "over"},
		"awake":   {"asleep"},
		"asleep":  {},
		"over":    {},
	},
		fsm.Substates("session", "awake", "asleep"),
		fsm.Local("session", "awake"),
		fsm.Timeout("awake", time.Minute, "asleep"),
		fsm.Timeout("session", time.Hour, "over"), // whatever it does
		fsm.OnExit("session", notice("session left")),
		fsm.OnEntry("awake", notice("awake")),
	)
	m := fsm.New(def)
	defer m.Close(ctx)
	_ = m.Transition(ctx, "awake") // for another minute
	_ = m.Transition(ctx, "asleep")
	_ = m.Transition(ctx, "awake")
	_ = m.Transition(ctx, "over")
	// Output:
	// awake
	// awake
	// session left
}

// The inner state knows one key. What it refuses the outer one may take.
func ExampleOfferToParent() {
	ctx := context.Background()
	key := fsm.NewEvent[string]("key")
	is := func(want string) fsm.RuleOption[Door, string] {
		return fsm.If("is "+want, func(_ context.Context, _ fsm.Transition[Door], got string) error {
			if got != want {
				return fmt.Errorf("not %q", got)
			}
			return nil
		})
	}
	def, err := door.With(
		fsm.On(key, fsm.From(Locked), Closed, is("small")),
		fsm.On(key, fsm.From(Shut), Open, is("master")),
		fsm.OfferToParent(key, fsm.From(Locked)),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	m := fsm.New(def)
	defer m.Close(ctx)
	_ = m.Transition(ctx, Shut)
	_ = m.Transition(ctx, Locked)
	fmt.Println(fsm.Fire(ctx, m, key, "bent"), m.State())
	fmt.Println(fsm.Fire(ctx, m, key, "master"), m.State())
	// Output:
	// event "key" in locked: vetoed: guard "is small": not "bent"; guard "is master": not "bent" locked
	// <nil> open
}

func ExampleDeepHistory() {
	ctx := context.Background()
	m := fsm.New(door)
	defer m.Close(ctx)
	for _, to := range []Door{Shut, Locked, Open, Relock} {
		_ = m.Transition(ctx, to)
	}
	fmt.Println(m.State())
	// Output: locked
}

func ExampleTimeout() {
	ctx := context.Background()
	def, err := light.With(fsm.Timeout(Red, time.Millisecond, Green))
	if err != nil {
		fmt.Println(err)
		return
	}
	m := fsm.New(def)
	defer m.Close(ctx)
	_, _ = m.Wait(ctx, Green)
	fmt.Println(m.History()[0].Cause)
	// Output: timeout after 1ms in red
}

// A machine that polls every second, here a thousand times as fast.
func ExampleTimeoutCycle() {
	ctx := context.Background()
	polls := make(chan int)
	def, err := fsm.Define(Closed, fsm.Table[Door]{Closed: {}},
		fsm.Reenter(Closed),
		fsm.Timeout(Closed, time.Millisecond, Closed),
		fsm.TimeoutCycle(Closed),
		fsm.OnEntry(Closed, func(ctx context.Context, t fsm.Transition[Door]) error {
			select {
			case polls <- int(t.Number):
			case <-ctx.Done(): // the machine is closed
			}
			return nil
		}),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	m := fsm.New(def)
	defer m.Close(ctx)
	fmt.Println(<-polls, <-polls, <-polls)
	// Output: 1 2 3
}

func ExampleRestore() {
	ctx := context.Background()
	m := fsm.New(door)
	_ = m.Transition(ctx, Shut)
	_ = m.Transition(ctx, Locked)
	_ = m.Close(ctx)
	data, _ := json.Marshal(m.Snapshot())

	s, err := fsm.DecodeSnapshot[Door](data) // in another process
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := fsm.Restore(door, s)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer again.Close(ctx)
	fmt.Println(again.State(), len(again.History()))

	s.State = Slammed
	_, err = fsm.Restore(door, s)
	if bad, ok := errors.AsType[*fsm.SnapshotError](err); ok {
		fmt.Println(bad.Problems[0])
	}
	// Output:
	// locked 2
	// state: "slammed" is not in the table
}

// A snapshot keeps the state that history states go back to, and the timeouts that run.
func ExampleSnapshot() {
	ctx := context.Background()
	m := fsm.New(door)
	defer m.Close(ctx)
	for _, to := range []Door{Shut, Locked, Closed} {
		_ = m.Transition(ctx, to)
	}
	s := m.Snapshot()
	fmt.Println(s.State, s.Number, len(s.History))
	for _, t := range s.Timeouts {
		fmt.Println("in", t.State, "until", t.Due.Sub(s.Since), "then", t.To)
	}
	_ = m.Transition(ctx, Open)
	for _, h := range m.Snapshot().HistoryStates {
		fmt.Println("last in", h.Parent, "was", h.Last)
	}
	// Output:
	// closed 3 3
	// in closed until 10s then locked
	// last in shut was closed
}
