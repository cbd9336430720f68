package fsmtest

import (
	"context"
	"testing"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// Setting tells [Check] and [Cover] how to make and call machines; see [Arg] and
// [Options].
type Setting[S comparable] func(*config[S])

type config[S comparable] struct {
	events  []event[S]
	options []fsm.Option
}

// event is an event by name, and a function that fires it.
type event[S comparable] struct {
	name string
	fire func(*rapid.T, context.Context, *fsm.Machine[S]) error
}

// Arg makes [Check] fire an event with arguments from a generator. The type of the states
// is given, the type of the argument follows from the event:
//
//	fsmtest.Arg[State](Start, rapid.Make[Boot]())
func Arg[S comparable, A any](e fsm.Event[A], values *rapid.Generator[A]) Setting[S] {
	return func(c *config[S]) {
		c.events = append(c.events, event[S]{e.Name(), func(rt *rapid.T, ctx context.Context, m *fsm.Machine[S]) error {
			return fsm.Fire(ctx, m, e, values.Draw(rt, e.Name()))
		}})
	}
}

// Options makes every machine with options, for a definition that [fsm.Requires] data:
//
//	fsmtest.Options[State](fsm.WithData(conn, fake))
//
// All machines share the values of the options. [Check] sets the cap of the history
// itself. It expects machines without [fsm.WithManualStart], a writer that accepts every value,
// and hooks that queue no change.
func Options[S comparable](options ...fsm.Option) Setting[S] {
	return func(c *config[S]) { c.options = append(c.options, options...) }
}

// configure applies the settings. It fails the test if a machine cannot be made with them.
func configure[S comparable](t *testing.T, def *fsm.Definition[S], settings []Setting[S]) config[S] {
	t.Helper()
	var c config[S]
	for _, set := range settings {
		set(&c)
	}
	if err := def.Accepts(c.options...); err != nil {
		t.Fatalf("fsmtest: %v", err)
	}
	return c
}
