package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

type Job string

const (
	New     Job = "new"
	Running Job = "running"
	Paused  Job = "paused"
	Done    Job = "done"
	Failed  Job = "failed"
)

var jobs = fsm.MustDefine(New, fsm.Table[Job]{
	New:     {Running},
	Running: {Paused, Done, Failed},
	Paused:  {Running, Failed},
	Done:    {},
	Failed:  {},
},
	fsm.On(Begin, fsm.From(New), Running, fsm.If("has a worker", hasWorker)),
	fsm.On(Pause, fsm.From(Running), Paused),
	fsm.On(Resume, fsm.From(Paused), Running),
	fsm.On(Abort, fsm.FromAny[Job](), Failed),
	fsm.Choose(Finish, fsm.From(Running), verdict, []Job{Done, Failed}),
	fsm.Ignore(Pause, fsm.From(Paused)),
)

// Order is the argument of Begin.
type Order struct{ Worker string }

var (
	Begin  = fsm.NewEvent[Order]("begin")
	Finish = fsm.NewEvent[int]("finish") // with an exit code
	Pause  = fsm.NewSignal("pause")
	Resume = fsm.NewSignal("resume")
	Abort  = fsm.NewSignal("abort")
)

func hasWorker(_ context.Context, _ fsm.Transition[Job], o Order) error {
	if o.Worker == "" {
		return errors.New("nobody there")
	}
	return nil
}

func verdict(_ context.Context, _ fsm.Transition[Job], code int) (Job, error) {
	switch {
	case code < 0:
		return "", fmt.Errorf("exit code %d", code)
	case code > 0:
		return Failed, nil
	}
	return Done, nil
}

// An event is a value with a typed argument. Rules beside the table tell its effect in each
// state.
func ExampleFire() {
	ctx := context.Background()
	m := fsm.New(jobs)
	fmt.Println(m.Fire(ctx, Pause))                    // known, but without a rule in this state
	fmt.Println(m.Fire(ctx, fsm.NewSignal("explode"))) // unknown
	fmt.Println(fsm.Fire(ctx, m, Begin, Order{}))      // vetoed
	fmt.Println(fsm.Fire(ctx, m, Begin, Order{"ann"}))
	fmt.Println(m.Fire(ctx, Pause), m.State())
	fmt.Println(m.Fire(ctx, Pause), m.State()) // ignored
	for _, t := range m.History() {
		fmt.Println(t.Number, t.From, "->", t.To, "by", t.Event)
	}
	// Output:
	// event "pause" in new: not handled; possible: begin
	// event "explode" in new: unknown event; possible: begin
	// event "begin" in new: vetoed: guard "has a worker": nobody there
	// <nil>
	// <nil> paused
	// <nil> paused
	// 1 new -> running by begin
	// 2 running -> paused by pause
}

func ExampleEventError() {
	err := fsm.New(jobs).Fire(context.Background(), Resume)
	if failed, ok := errors.AsType[*fsm.EventError[Job]](err); ok {
		fmt.Println(failed.State, failed.Event, failed.Permitted, errors.Is(err, fsm.ErrUnhandled))
	}
	// Output: new resume [begin] true
}

// Of several rules for an event, the machine takes the first of which all guards pass.
func ExampleIf() {
	type tr = fsm.Transition[Job]
	atLeast := func(n int) fsm.RuleOption[Job, int] {
		return fsm.If(fmt.Sprint("at least ", n), func(_ context.Context, _ tr, left int) error {
			if left < n {
				return fmt.Errorf("%d left", left)
			}
			return nil
		})
	}
	tick := fsm.NewEvent[int]("tick")
	def, err := jobs.With(
		fsm.On(tick, fsm.From(Running), Paused, atLeast(10)),
		fsm.On(tick, fsm.From(Running), Failed, atLeast(5)),
	)
	if err != nil {
		panic(err)
	}
	for _, left := range []int{12, 7, 2} {
		m := fsm.New(def)
		_ = m.Transition(context.Background(), Running)
		fmt.Println(fsm.Fire(context.Background(), m, tick, left), m.State())
	}
	// Output:
	// <nil> paused
	// <nil> failed
	// event "tick" in running: vetoed: guard "at least 10": 2 left; guard "at least 5": 2 left running
}

// A function computes the target from the argument. It may fail.
func ExampleChoose() {
	ctx := context.Background()
	m := fsm.New(jobs)
	_ = m.Transition(ctx, Running)
	fmt.Println(fsm.Fire(ctx, m, Finish, -1))
	fmt.Println(fsm.Fire(ctx, m, Finish, 3), m.State())
	// Output:
	// event "finish" in running: choice: exit code -1
	// <nil> failed
}

// A rule for any state applies in each state with an edge to its target. A rule that names
// the state replaces it.
func ExampleFromAny() {
	ctx := context.Background()
	for _, s := range []Job{New, Running} {
		m := fsm.New(jobs)
		if s != New {
			_ = m.Transition(ctx, s)
		}
		fmt.Println(m.Fire(ctx, Abort), m.State())
	}
	// Output:
	// event "abort" in new: not handled; possible: begin new
	// <nil> failed
}

func ExampleMachine_PermittedEvents() {
	ctx := context.Background()
	m := fsm.New(jobs)
	fmt.Println(m.PermittedEvents(ctx))
	_ = m.Transition(ctx, Running)
	fmt.Println(m.PermittedEvents(ctx))
	// Output:
	// [begin] <nil>
	// [pause abort finish] <nil>
}

func ExampleOnUnhandled() {
	def, err := jobs.With(fsm.OnUnhandled(func(_ context.Context, e *fsm.EventError[Job]) error {
		fmt.Println("noted:", e)
		return nil
	}))
	if err != nil {
		panic(err)
	}
	fmt.Println(fsm.New(def).Fire(context.Background(), Resume))
	// Output:
	// noted: event "resume" in new: not handled; possible: begin
	// <nil>
}

// prints returns a hook that prints a line.
func prints(line string) func(context.Context, fsm.Transition[Job]) error {
	return func(context.Context, fsm.Transition[Job]) error { fmt.Println(line); return nil }
}

// The order of guards and hooks does not depend on the order of the rules.
func ExampleMachine_Transition() {
	def, err := jobs.With(
		fsm.Finally(func(_ context.Context, t fsm.Transition[Job], err error) { fmt.Println("finally:", err) }),
		fsm.After[Job](prints("after")),
		fsm.OnEntry(Running, prints("enter running")),
		fsm.OnEdge(New, Running, prints("along new -> running")),
		fsm.OnExit(New, prints("exit new")),
		fsm.Before[Job](prints("before")),
		fsm.Guard(Running, "open", prints("guard of running")),
		fsm.GuardEdge(New, Running, "open", prints("guard of new -> running")),
	)
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	_ = m.Transition(context.Background(), Running)
	_ = m.Transition(context.Background(), New)
	// Output:
	// guard of new -> running
	// guard of running
	// before
	// exit new
	// along new -> running
	// enter running
	// after
	// finally: <nil>
	// finally: running -> new is not in the table; from running: paused, done, failed
}

// An event may be handled in place, lead from a state to itself without leaving it, or leave
// the state and enter it again.
func ExampleReenter() {
	refresh := fsm.NewSignal("refresh")
	for _, rules := range [][]fsm.Rule[Job]{
		{fsm.Internal(refresh, fsm.From(New))},
		{fsm.Self(New), fsm.On(refresh, fsm.From(New), New)},
		{fsm.Reenter(New), fsm.On(refresh, fsm.From(New), New)},
	} {
		def, err := jobs.With(append(rules, fsm.OnExit(New, prints("exit")), fsm.OnEntry(New, prints("enter")), fsm.After[Job](prints("after")))...)
		if err != nil {
			panic(err)
		}
		m := fsm.New(def)
		fmt.Println(m.Fire(context.Background(), refresh), "number", m.Snapshot().Number)
	}
	// Output:
	// after
	// <nil> number 0
	// after
	// <nil> number 1
	// exit
	// enter
	// after
	// <nil> number 1
}

// With a queue, a change that a hook calls for runs after the change of that hook.
func ExampleWithQueue() {
	var m *fsm.Machine[Job]
	def, err := jobs.With(fsm.OnEntry(Running, func(ctx context.Context, _ fsm.Transition[Job]) error {
		fmt.Println("queued:", m.Transition(ctx, Done), m.Transition(ctx, Paused))
		return nil
	}))
	if err != nil {
		panic(err)
	}
	m = fsm.New(def, fsm.WithQueue(8, func(_ context.Context, err error) { fmt.Println("failed:", err) }))
	fmt.Println(m.Transition(context.Background(), Running), m.State())
	// Output:
	// queued: <nil> <nil>
	// failed: done -> paused is not in the table; done is final
	// <nil> done
}

// A machine that was started by hand enters its initial state: hooks run, and the history has
// the cause.
func ExampleMachine_StartWithCause() {
	ctx := context.Background()
	def, err := jobs.With(fsm.OnEntry(New, prints("enter new")))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def, fsm.WithManualStart())
	fmt.Println(m.State(), m.Transition(ctx, Failed))
	fmt.Println(m.StartWithCause(ctx, "by order of ann"))
	for _, t := range m.History() {
		fmt.Println(t.Number, t.From, "->", t.To, t.Start, t.Cause)
	}
	// Output:
	// new new -> failed: machine not started: call Start
	// enter new
	// <nil>
	// 1 new -> new true by order of ann
}

// A machine that is loaded to be shown does not move, also if a timeout is overdue.
func ExampleWithManualStart() {
	def, err := jobs.With(fsm.Timeout(Running, time.Minute, Failed))
	if err != nil {
		panic(err)
	}
	due := time.Now().Add(-time.Hour)
	stored := fsm.Snapshot[Job]{State: Running, Since: due, Timeouts: []fsm.PendingTimeout[Job]{{State: Running, To: Failed, Due: due}}}
	m, err := fsm.Restore(def, stored, fsm.WithManualStart())
	if err != nil {
		panic(err)
	}
	fmt.Println("shown:", m.State(), m.Next())

	err = m.Start(context.Background()) // from now on timeouts move it
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Wait(context.Background(), Failed))
	// Output:
	// shown: running [paused done failed]
	// failed <nil>
}

func ExampleMachine_Wait() {
	ctx := context.Background()
	m := fsm.New(jobs)
	go func() {
		_ = m.Transition(ctx, Running)
		_ = m.Transition(ctx, Done)
	}()
	fmt.Println(m.Wait(ctx, Done, Failed))
	// Output: done <nil>
}

func ExampleMachine_Subscribe() {
	ctx := context.Background()
	m := fsm.New(jobs)
	transitions := m.Subscribe(ctx, 2) // all transitions from now on
	_ = m.Transition(ctx, Running)
	_ = m.Transition(ctx, Paused)
	_ = m.Transition(ctx, Failed) // more than the buffer holds
	for t, err := range transitions {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println(t.From, "->", t.To)
	}
	// Output:
	// new -> running
	// running -> paused
	// subscriber fell behind
}

// All mistakes are reported at once.
func ExampleDefinitionError() {
	_, err := jobs.With(
		fsm.On(Pause, fsm.From(New), Paused),
		fsm.On(Pause, fsm.From(Running), Done),
		fsm.On(fsm.NewSignal("abort"), fsm.From(Paused), Running),
		fsm.OnEdge(Done, Running, prints("back")),
		fsm.Final(Done),
	)
	if bad, ok := errors.AsType[*fsm.DefinitionError](err); ok {
		for _, problem := range bad.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// "failed" is a dead end, and not final
	// 2 events are called "abort"
	// edge hook is for "done" -> "running", which is not in the table
	// event "pause" leads from "new" to "paused", which the table does not
	// event "pause" to done is never reached in "running": the rule before it has no guard
}

func ExampleDefinition_Path() {
	fmt.Println(jobs.Path(New, Done), jobs.Path(Done, New))
	fmt.Println(jobs.Reachable(Paused))
	// Output:
	// [new running done] []
	// [running paused done failed]
}
