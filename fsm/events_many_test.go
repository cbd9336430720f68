package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// With many events a machine finds rules through indices. It finds the same rules.
func TestMachineWithManyEventsTakesTheRuleOfEach(t *testing.T) {
	const n = 50
	handled := make([]int, n)
	signals, rules := make([]fsm.Signal, n), []fsm.Rule[int]{fsm.Substates(0, 1, 2)}
	for i := range n {
		signals[i] = fsm.NewSignal(fmt.Sprint("e", i))
		from := []fsm.Source[int]{fsm.From(0), fsm.From(1), fsm.FromAny[int]()}[i%3]
		rules = append(rules, fsm.Internal(signals[i], from, fsm.Do(func(context.Context, fsm.Transition[int], fsm.NoArg) error {
			handled[i]++
			return nil
		})))
	}
	def, err := fsm.Define(0, fsm.Table[int]{0: nil, 1: {2}, 2: {1}}, rules...)
	if err != nil {
		t.Fatal(err)
	}
	m := fsm.New(def)
	for i, s := range signals {
		if err := m.Fire(context.Background(), s); err != nil || handled[i] != 1 {
			t.Errorf("%v: %d times, error %v", s, handled[i], err)
		}
	}
	if names, err := m.PermittedEvents(context.Background()); err != nil || len(names) != n {
		t.Errorf("%d events are permitted, error %v", len(names), err)
	}
	if len(def.ReactionsIn(1)) != n || def.ReactionsIn(3) != nil {
		t.Errorf("%d reactions in 1, and %v in an unknown state", len(def.ReactionsIn(1)), def.ReactionsIn(3))
	}
	if err := m.Transition(context.Background(), 2); err != nil {
		t.Fatal(err)
	}
	if err := m.Fire(context.Background(), signals[1]); !errors.Is(err, fsm.ErrUnhandled) {
		t.Errorf("%v, want %v", err, fsm.ErrUnhandled)
	}
}
