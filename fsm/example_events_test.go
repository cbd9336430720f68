package fsm_test

import (
	"context"
	"fmt"

	"github.com/leasehold-go/leasehold/fsm"
)

// An event is made once, as a variable. Its argument has the type that its guards and functions take.
func ExampleEvent() {
	ctx := context.Background()
	pay := fsm.NewEvent[int]("pay") // cents
	def, err := invoice.With(
		fsm.On(pay, fsm.From(Sent), Paid, fsm.Do(func(_ context.Context, t fsm.Transition[Invoice], cents int) error {
			fmt.Println(t.From, "->", t.To, "with", cents)
			return nil
		})),
	)
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	_ = m.Transition(ctx, Sent)
	fmt.Println(fsm.Fire(ctx, m, pay, 1250), m.State())
	// Output:
	// sent -> paid with 1250
	// <nil> paid
}

// A signal is an event without an argument.
func ExampleSignal() {
	ctx := context.Background()
	send := fsm.NewSignal("send")
	def, err := invoice.With(fsm.On(send, fsm.From(Draft), Sent))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	fmt.Println(m.Fire(ctx, send), m.State())
	fmt.Println(def.Signals()[0].Name(), def.Events())
	// Output:
	// <nil> sent
	// send [send]
}

// A cause is a text for the history: who wanted it, and why.
func ExampleFireWithCause() {
	ctx := context.Background()
	m := fsm.New(jobs)
	fmt.Println(fsm.FireWithCause(ctx, m, Begin, Order{"ann"}, "night shift"))
	for _, t := range m.History() {
		fmt.Println(t.Number, t.From, "->", t.To, "by", t.Event, "for", t.Cause)
	}
	// Output:
	// <nil>
	// 1 new -> running by begin for night shift
}

// A transition is what hooks get, and what the history keeps.
func ExampleTransition() {
	def, err := light.With(fsm.After(func(_ context.Context, t fsm.Transition[Light]) error {
		fmt.Println(t.Number, t.From, "->", t.To, t.Cause, t.At.IsZero())
		return nil
	}))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	_ = m.TransitionWithCause(context.Background(), Green, "traffic")
	// Output: 1 red -> green traffic false
}

// Machines of one definition may have data of their own, which guards and hooks get from their
// context.
func ExampleData() {
	ctx := context.Background()
	crew := fsm.NewData[[]string]("the crew")
	def, err := jobs.With(
		fsm.Requires[Job](crew),
		fsm.Guard(Running, "has a crew", func(ctx context.Context, _ fsm.Transition[Job]) error {
			if len(crew.Of(ctx)) == 0 {
				return fmt.Errorf("nobody is there")
			}
			return nil
		}),
	)
	if err != nil {
		panic(err)
	}
	full := fsm.New(def, fsm.WithData(crew, []string{"ann", "bob"}))
	empty := fsm.New(def, fsm.WithData(crew, []string{}))
	fmt.Println(full.Transition(ctx, Running))
	fmt.Println(empty.Transition(ctx, Running))
	fmt.Println(def.Accepts()) // as New without the data would panic
	// Output:
	// <nil>
	// new -> running: guard "has a crew": nobody is there
	// bad options: data "the crew" is missing: give it by WithData
}

// An observer sees each change of one machine with its duration and its result, for metrics.
func ExampleResult() {
	ctx := context.Background()
	m := fsm.New(light, fsm.WithObserver(func(_ context.Context, r fsm.Result[Light]) {
		fmt.Println("in", r.Transition.From, fsm.Outcome(r.Err), r.Duration >= 0)
	}))
	_ = m.Transition(ctx, Green)
	_ = m.Transition(ctx, Red)
	// Output:
	// in red ok true
	// in green table true
}
