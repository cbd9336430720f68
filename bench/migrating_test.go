package bench

import (
	"context"
	"errors"
	"testing"
	"time"

	looplabfsm "github.com/looplab/fsm"
	"github.com/qmuntal/stateless"

	"github.com/leasehold-go/leasehold/fsm"
)

// One order in three libraries, for docs/migrating.md.

var errTooLittle = errors.New("too little")

func looplabOrder(price int, shipped func()) *looplabfsm.FSM {
	return looplabfsm.NewFSM("placed", looplabfsm.Events{
		{Name: "pay", Src: []string{"placed"}, Dst: "paid"},
		{Name: "ship", Src: []string{"paid"}, Dst: "shipped"},
		{Name: "cancel", Src: []string{"placed", "paid"}, Dst: "cancelled"},
	}, looplabfsm.Callbacks{
		"before_pay": func(_ context.Context, e *looplabfsm.Event) {
			if e.Args[0].(int) < price {
				e.Cancel(errTooLittle)
			}
		},
		"enter_shipped": func(context.Context, *looplabfsm.Event) { shipped() },
	})
}

func statelessOrder(price int, shipped func()) *stateless.StateMachine {
	m := stateless.NewStateMachine("placed")
	m.Configure("placed").
		Permit("pay", "paid", func(_ context.Context, args ...any) bool { return args[0].(int) >= price }).
		Permit("cancel", "cancelled")
	m.Configure("paid").
		Permit("ship", "shipped").
		Permit("cancel", "cancelled")
	m.Configure("shipped").
		OnEntry(func(context.Context, ...any) error { shipped(); return nil })
	return m
}

// Order is the state of an order.
type Order string

const (
	Placed    Order = "placed"
	Paid      Order = "paid"
	Shipped   Order = "shipped"
	Cancelled Order = "cancelled"
)

// terms belong to one order. All orders share the definition.
type terms struct {
	price   int
	shipped func()
}

var (
	Pay    = fsm.NewEvent[int]("pay")
	Ship   = fsm.NewSignal("ship")
	Cancel = fsm.NewSignal("cancel")

	ofOrder = fsm.NewData[terms]("terms of the order")
)

var orders = fsm.MustDefine(Placed, fsm.Table[Order]{
	Placed:    {Paid, Cancelled},
	Paid:      {Shipped, Cancelled},
	Shipped:   {},
	Cancelled: {},
},
	fsm.Final(Shipped, Cancelled),
	fsm.Requires[Order](ofOrder),
	fsm.On(Pay, fsm.From(Placed), Paid, fsm.If("enough is paid", enough)),
	fsm.On(Ship, fsm.From(Paid), Shipped),
	fsm.On(Cancel, fsm.From(Placed, Paid), Cancelled),
	fsm.OnEntry(Shipped, func(ctx context.Context, _ fsm.Transition[Order]) error {
		ofOrder.Of(ctx).shipped()
		return nil
	}),
)

func enough(ctx context.Context, _ fsm.Transition[Order], paid int) error {
	if paid < ofOrder.Of(ctx).price {
		return errTooLittle
	}
	return nil
}

// resume goes on from the state that the other library has stored.
func resume(state string, since time.Time, t terms) (*fsm.Machine[Order], error) {
	return fsm.Restore(orders, fsm.Snapshot[Order]{State: Order(state), Since: since}, fsm.WithData(ofOrder, t))
}

// The three go through the same states, and refuse the same events.
func TestAnOrderIsTheSameInThreeLibraries(t *testing.T) {
	ctx := t.Context()
	var shipped [3]int
	looplab := looplabOrder(20, func() { shipped[0]++ })
	qmuntal := statelessOrder(20, func() { shipped[1]++ })
	ours := fsm.New(orders, fsm.WithData(ofOrder, terms{20, func() { shipped[2]++ }}))
	for _, step := range []struct {
		event string
		paid  int
		to    string
		ok    bool
	}{
		{"ship", 0, "placed", false},
		{"pay", 19, "placed", false},
		{"pay", 20, "paid", true},
		{"pay", 20, "paid", false},
		{"ship", 0, "shipped", true},
		{"cancel", 0, "shipped", false},
	} {
		first, second := looplab.Event(ctx, step.event, step.paid), qmuntal.FireCtx(ctx, step.event, step.paid)
		third := map[string]func() error{
			"pay":    func() error { return fsm.Fire(ctx, ours, Pay, step.paid) },
			"ship":   func() error { return ours.Fire(ctx, Ship) },
			"cancel": func() error { return ours.Fire(ctx, Cancel) },
		}[step.event]()
		for library, err := range map[string]error{"looplab": first, "stateless": second, "leasehold": third} {
			if (err == nil) != step.ok {
				t.Errorf("%s: %s %d: %v", library, step.event, step.paid, err)
			}
		}
		if state, err := qmuntal.State(ctx); err != nil || looplab.Current() != step.to || state != step.to || string(ours.State()) != step.to {
			t.Errorf("after %s %d: looplab %s, stateless %v, leasehold %s, want %s", step.event, step.paid, looplab.Current(), state, ours.State(), step.to)
		}
	}
	if shipped != [3]int{1, 1, 1} {
		t.Errorf("shipped %v", shipped)
	}
}

func TestAMachineGoesOnFromTheStateOfAnotherLibrary(t *testing.T) {
	ctx := t.Context()
	looplab := looplabOrder(20, nil)
	if err := looplab.Event(ctx, "pay", 20); err != nil {
		t.Fatal(err)
	}
	shipped, since := 0, time.Now().Add(-time.Hour)
	m, err := resume(looplab.Current(), since, terms{20, func() { shipped++ }})
	if err != nil {
		t.Fatal(err)
	}
	if s := m.Snapshot(); s.State != Paid || !s.Since.Equal(since) {
		t.Errorf("it is %+v", s)
	}
	if err := m.Fire(ctx, Ship); err != nil || shipped != 1 {
		t.Errorf("%v, shipped %d", err, shipped)
	}
	if _, err := resume("unknown", since, terms{}); err == nil {
		t.Error("an unknown state was taken")
	}
}

// What the page says of the others.
func TestWhatTheOthersDo(t *testing.T) {
	ctx := t.Context()
	t.Run("a misspelt callback of looplab is never called", func(t *testing.T) {
		m := looplabfsm.NewFSM("a", looplabfsm.Events{{Name: "go", Src: []string{"a"}, Dst: "b"}},
			looplabfsm.Callbacks{"enter_bee": func(context.Context, *looplabfsm.Event) { t.Error("called") }})
		if err := m.Event(ctx, "go"); err != nil {
			t.Error(err)
		}
	})
	t.Run("an unknown target is taken", func(t *testing.T) {
		m := looplabfsm.NewFSM("a", looplabfsm.Events{{Name: "go", Src: []string{"a"}, Dst: "nowhere"}}, nil)
		if err := m.Event(ctx, "go"); err != nil || m.Current() != "nowhere" {
			t.Errorf("%v, in %s", err, m.Current())
		}
		s := stateless.NewStateMachine("a")
		s.Configure("a").Permit("go", "nowhere")
		if err := s.FireCtx(ctx, "go"); err != nil || s.MustState() != "nowhere" {
			t.Errorf("%v, in %v", err, s.MustState())
		}
		if _, err := fsm.Define(Order("a"), fsm.Table[Order]{"a": {"nowhere"}}); err == nil {
			t.Error("leasehold took an unknown target")
		}
	})
	t.Run("an error on entry", func(t *testing.T) {
		broken := errors.New("broken")
		s := stateless.NewStateMachine("a")
		s.Configure("a").Permit("go", "b")
		s.Configure("b").OnEntry(func(context.Context, ...any) error { return broken })
		if err := s.FireCtx(ctx, "go"); err != broken || s.MustState() != "b" {
			t.Errorf("stateless: %v, in %v", err, s.MustState())
		}
		def := fsm.MustDefine(Order("a"), fsm.Table[Order]{"a": {"b"}, "b": {}}, fsm.Final(Order("b")),
			fsm.OnEntry(Order("b"), func(context.Context, fsm.Transition[Order]) error { return broken }))
		m := fsm.New(def)
		err := m.Transition(ctx, "b")
		if moved := new(fsm.TransitionError[Order]); !errors.As(err, &moved) || !moved.Moved || m.State() != "b" {
			t.Errorf("leasehold: %v, in %s", err, m.State())
		}
	})
}
