package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// The outcome of a change is one of few words, fit for the label of a metric.
func ExampleOutcome() {
	ctx := context.Background()
	def, err := light.With(fsm.Guard(Yellow, "never", func(context.Context, fsm.Transition[Light]) error {
		return errors.New("not today")
	}))
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	for _, to := range []Light{Green, Red, Yellow} {
		fmt.Println(to, fsm.Outcome(m.Transition(ctx, to)))
	}
	// Output:
	// green ok
	// red table
	// yellow guard
}

// A veto carries the name of the guard, and the guard's own error.
func ExampleGuardError() {
	errCold := errors.New("too cold")
	def, err := light.With(fsm.Guard(Green, "warm", func(context.Context, fsm.Transition[Light]) error { return errCold }))
	if err != nil {
		panic(err)
	}
	err = fsm.New(def).Transition(context.Background(), Green)
	if veto, ok := errors.AsType[*fsm.GuardError](err); ok {
		fmt.Println(veto.Name, veto.Err)
	}
	fmt.Println(errors.Is(err, errCold), errors.Is(err, fsm.ErrVetoed))
	// Output:
	// warm too cold
	// true true
}

// The phase of an error says how far a change came.
func ExamplePhase() {
	ctx := context.Background()
	def, err := light.With(
		fsm.Before(func(_ context.Context, t fsm.Transition[Light]) error {
			if t.To == Yellow {
				return errors.New("no yellow today")
			}
			return nil
		}),
		fsm.OnExit(Red, func(context.Context, fsm.Transition[Light]) error { return errors.New("lamp is broken") }),
	)
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	for _, to := range []Light{Red, Green, Yellow} {
		if failed, ok := errors.AsType[*fsm.TransitionError[Light]](m.Transition(ctx, to)); ok {
			fmt.Println(to, failed.Phase, failed.Moved)
		}
	}
	// Output:
	// red table false
	// green exit true
	// yellow before false
}

// All mistakes in a snapshot are reported at once.
func ExampleSnapshotError() {
	_, err := fsm.Restore(light, fsm.Snapshot[Light]{
		State:   "blue",
		History: []fsm.Transition[Light]{{Number: 1, From: Red, To: "blue"}},
	})
	if bad, ok := errors.AsType[*fsm.SnapshotError](err); ok {
		for _, problem := range bad.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// state: "blue" is not in the table
	// since: year 1 is out of range
	// history: 1 transitions, and number 0
}

// Options that a definition does not accept are found before a machine is made.
func ExampleOptionError() {
	err := light.Accepts(fsm.WithWriter(FileWriter("a")), fsm.WithWriter(FileWriter("b")))
	if bad, ok := errors.AsType[*fsm.OptionError](err); ok {
		fmt.Println(bad.Problems)
	}
	// Output: [2 writers, a machine has one]
}

// A timeout that is refused has no caller. Its error goes to the hooks of OnTimeoutError, and to the
// writer, if it is a TimeoutErrorHandler.
func ExampleOnTimeoutError() {
	refused := make(chan error)
	def, err := light.With(
		fsm.Timeout(Red, time.Millisecond, Green),
		fsm.Guard(Green, "warm", func(context.Context, fsm.Transition[Light]) error { return errors.New("too cold") }),
		fsm.OnTimeoutError(func(_ context.Context, e *fsm.TransitionError[Light]) { refused <- e }),
	)
	if err != nil {
		panic(err)
	}
	m := fsm.New(def)
	defer m.Close(context.Background())
	fmt.Println(<-refused)
	// Output: red -> green: guard "warm": too cold
}
