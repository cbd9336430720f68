package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

type Light string

const (
	Red    Light = "red"
	Green  Light = "green"
	Yellow Light = "yellow"
)

var light = fsm.MustDefine(Red, fsm.Table[Light]{
	Red:    {Green},
	Green:  {Yellow},
	Yellow: {Red},
})

func Example() {
	ctx := context.Background()
	m := fsm.New(light)
	fmt.Println(m.Transition(ctx, Green))
	fmt.Println(m.Transition(ctx, Red))
	fmt.Println(m.State(), m.Next())
	// Output:
	// <nil>
	// green -> red is not in the table; from green: yellow
	// green [yellow]
}

func ExampleDefine() {
	_, err := fsm.Define("open", fsm.Table[string]{
		"open":   {"closed", "locked"},
		"closed": {"open", "open"},
		"broken": {},
	})
	if bad, ok := errors.AsType[*fsm.DefinitionError](err); ok {
		for _, problem := range bad.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// "broken" cannot be reached from "open"
	// "closed" leads to "open" more than once
	// "open" leads to "locked", which is not in the table
}

// feed is a source of data that a guard checks.
type feed struct{ age time.Duration }

func (f *feed) fresh(context.Context, fsm.Transition[Light]) error {
	if f.age > time.Second {
		return fmt.Errorf("it is %v old", f.age)
	}
	return nil
}

// A derived definition has rules that are bound to one value, here a method of f.
func ExampleDefinition_With() {
	f := &feed{age: 12 * time.Second}
	def, err := light.With(fsm.Guard(Green, "feed is fresh", f.fresh))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	fmt.Println(m.Transition(context.Background(), Green))
	f.age = 0
	fmt.Println(m.Transition(context.Background(), Green))
	// Output:
	// red -> green: guard "feed is fresh": it is 12s old
	// <nil>
}

func ExampleTransitionError() {
	def, err := light.With(fsm.OnEntry(Green, func(context.Context, fsm.Transition[Light]) error {
		return errors.New("lamp is broken")
	}))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	err = m.Transition(context.Background(), Green)
	if failed, ok := errors.AsType[*fsm.TransitionError[Light]](err); ok {
		fmt.Println(failed)
		fmt.Println(failed.Phase, failed.Moved, m.State())
	}
	// Output:
	// red -> green moved, but entry hook: lamp is broken
	// entry true green
}

func ExampleMachine_Reset() {
	ctx := context.Background()
	m := fsm.New(light)
	_ = m.TransitionWithCause(ctx, Green, "traffic from the north")
	_ = m.Reset(ctx, "sensor failed")
	for _, tr := range m.History() {
		fmt.Printf("%d: %v -> %v (%s) forced: %v\n", tr.Number, tr.From, tr.To, tr.Cause, tr.Forced)
	}
	// Output:
	// 1: red -> green (traffic from the north) forced: false
	// 2: green -> red (sensor failed) forced: true
}

func ExampleWithWriter() {
	held := newLease() // in a program: held, err := keeper.Acquire(ctx, key, value)
	def, err := light.With(fsm.Encode(func(_ context.Context, s fsm.Snapshot[Light]) ([]byte, error) {
		return []byte(s.State), nil
	}))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def, fsm.WithWriter(held))
	fmt.Println(m.Transition(context.Background(), Green))
	fmt.Printf("%v here, %s in the store\n", m.State(), held.value)

	held.end(lost())
	fmt.Println(m.Transition(context.Background(), Yellow))
	fmt.Println(m.Detach(context.Background()))
	fmt.Println(m.Transition(context.Background(), Yellow))
	// Output:
	// <nil>
	// green here, green in the store
	// green -> yellow: lease on "job" (token 7) lost: lost
	// <nil>
	// <nil>
}
