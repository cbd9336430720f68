package fsmtest

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// Argument says where the arguments of an event come from; see [Arg].
type Argument[S comparable] struct {
	name string
	fire func(*rapid.T, context.Context, *fsm.Machine[S]) error
}

// Arg has an event fired with arguments from a generator. The type of the states
// has to be given, that of the argument follows from the event:
//
//	fsmtest.Arg[State](Start, rapid.Make[Boot]())
func Arg[S comparable, A any](e fsm.Event[A], values *rapid.Generator[A]) Argument[S] {
	return Argument[S]{e.Name(), func(rt *rapid.T, ctx context.Context, m *fsm.Machine[S]) error {
		return fsm.Fire(ctx, m, e, values.Draw(rt, e.Name()))
	}}
}

// arguments are the definition's signals, what the user gave, and an event that the
// definition does not know. Events that are missing fail the test.
func arguments[S comparable](t testing.TB, def *fsm.Definition[S], args []Argument[S]) []Argument[S] {
	all := slices.Clone(args)
	for _, s := range append(def.Signals(), fsm.NewSignal("")) {
		all = append(all, Argument[S]{s.Name(), func(_ *rapid.T, ctx context.Context, m *fsm.Machine[S]) error { return m.Fire(ctx, s) }})
	}
	for _, name := range def.Events() {
		if !slices.ContainsFunc(all, func(a Argument[S]) bool { return a.name == name }) {
			t.Fatalf("fsmtest: event %q needs an argument: pass an Arg for it", name)
		}
	}
	return all
}
