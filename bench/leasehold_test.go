package bench

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

var lifecycle = fsm.MustDefine(Idle, table)

// signals are the events of the steps. eventful is the lifecycle with them.
var signals, eventful = func() (signals [len(steps)]fsm.Signal, def *fsm.Definition[State]) {
	var rules []fsm.Rule[State]
	for i, s := range steps {
		signals[i] = fsm.NewSignal(s.event)
		rules = append(rules, fsm.On(signals[i], fsm.From(s.from...), s.to))
	}
	def, err := lifecycle.With(rules...)
	if err != nil {
		panic(err)
	}
	return signals, def
}()

// nested is the lifecycle with its hierarchy.
var nested = func() *fsm.Definition[State] {
	states := maps.Clone(table)
	states[Running], states[Live] = nil, nil
	return fsm.MustDefine(Idle, states, fsm.Substates(Running, Starting, Live), fsm.Substates(Live, Warming, Active))
}()

var leaseholdLibrary = library{
	name:      "leasehold",
	history:   50,
	eventful:  func() machine { return leasehold{fsm.New(eventful)} },
	create:    newLeasehold,
	nested:    func() machine { return leasehold{fsm.New(nested)} },
	creations: leaseholdCreations,
}

// The features that BenchmarkTransition adds to a machine that is then moved as
// if it had none.
var leaseholdUnused = map[string]func() machine{
	"events":  func() machine { return leasehold{fsm.New(eventful)} },
	"watched": newWatched,
}

// newWatched returns a machine that somebody waited for and subscribed to, once.
func newWatched() machine {
	m := fsm.New(lifecycle)
	ctx, cancel := context.WithCancel(context.Background())
	changes, stop := iter.Pull2(m.Subscribe(ctx, 1))
	defer stop()
	if err := m.Transition(ctx, Starting); err != nil {
		panic(err)
	}
	if t, err, ok := changes(); err != nil || !ok || t.To != Starting {
		panic(fmt.Sprint("not told: ", t, err, ok))
	}
	if _, err := m.Wait(ctx, Starting); err != nil {
		panic(err)
	}
	if err := m.Transition(ctx, Idle); err != nil {
		panic(err)
	}
	cancel()
	return leasehold{m}
}

type leasehold struct{ *fsm.Machine[State] }

func newLeasehold(hook func()) machine {
	if hook == nil {
		return leasehold{fsm.New(lifecycle)}
	}
	def, err := lifecycle.With(fsm.After(func(context.Context, fsm.Transition[State]) error {
		hook()
		return nil
	}))
	if err != nil {
		panic(err)
	}
	return leasehold{fsm.New(def)}
}

func (m leasehold) move(to State) error { return m.Transition(context.Background(), to) }
func (m leasehold) can(to State) bool   { return m.Can(to) }
func (m leasehold) present() State      { return m.State() }

func (m leasehold) past() []State {
	var entered []State
	for _, t := range m.History() {
		entered = append(entered, t.To)
	}
	return entered
}

func (m leasehold) transitions(b *testing.B) {
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		if i == len(round) {
			i = 0
		}
		if err := m.Transition(ctx, round[i]); err != nil {
			b.Fatal(err)
		}
	}
}

// fire and events need a machine on eventful.
func (m leasehold) fire(event string) error {
	for i, s := range steps {
		if s.event == event {
			return m.Fire(context.Background(), signals[i])
		}
	}
	panic("bench: there is no event " + event)
}

func (m leasehold) events(b *testing.B) {
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		if i == len(signals) {
			i = 0
		}
		if err := m.Fire(ctx, signals[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func (m leasehold) rejections(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		if m.Transition(ctx, Active) == nil {
			b.Fatal("accepted")
		}
	}
}

func (m leasehold) questions(b *testing.B) {
	for b.Loop() {
		if !m.Can(Starting) {
			b.Fatal("cannot start")
		}
	}
}

func (m leasehold) reads(b *testing.B) {
	for b.Loop() {
		if m.State() == "" {
			b.Fatal("no state")
		}
	}
}

var leaseholdKept *fsm.Machine[State]

func leaseholdCreations(b *testing.B) {
	for b.Loop() {
		leaseholdKept = fsm.New(lifecycle)
	}
}
