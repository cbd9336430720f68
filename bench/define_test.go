package bench

import (
	"context"
	"fmt"
	"testing"

	"github.com/felixgeelhaar/statekit"
	looplabfsm "github.com/looplab/fsm"
	"github.com/qmuntal/stateless"

	"github.com/leasehold-go/leasehold/fsm"
)

// ring is a table of 1,000 states, and each leads to the next. events has the name of the
// event that each library takes from a state to the next.
var ring, ringEvents = func() (states, events []string) {
	for i := range 1000 {
		states, events = append(states, fmt.Sprint("state ", i)), append(events, fmt.Sprint("event ", i))
	}
	return states, events
}()

func next(i int) string { return ring[(i+1)%len(ring)] }

// definitions define the ring, in terms that are made ahead of the call. The result makes the
// first step and returns the state after it.
var definitions = []struct {
	name   string
	define func() (step func() string)
}{
	{"leasehold", defineLeasehold()},
	{"leasehold-events", defineLeaseholdEvents()},
	{"looplab", defineLooplab()},
	{"stateless-immediate", defineStateless(immediate)},
	{"stateless-queued", defineStateless(queued)},
	{"statekit", defineStatekit},
}

func defineLeasehold() func() func() string {
	table := make(fsm.Table[string])
	for i, s := range ring {
		table[s] = []string{next(i)}
	}
	return func() func() string {
		m := fsm.New(fsm.MustDefine(ring[0], table))
		return func() string {
			if err := m.Transition(context.Background(), ring[1]); err != nil {
				return err.Error()
			}
			return m.State()
		}
	}
}

func defineLeaseholdEvents() func() func() string {
	table, signals, rules := make(fsm.Table[string]), []fsm.Signal(nil), []fsm.Rule[string](nil)
	for i, s := range ring {
		table[s] = []string{next(i)}
		signals = append(signals, fsm.NewSignal(ringEvents[i]))
		rules = append(rules, fsm.On(signals[i], fsm.From(s), next(i)))
	}
	return func() func() string {
		m := fsm.New(fsm.MustDefine(ring[0], table, rules...))
		return func() string {
			if err := m.Fire(context.Background(), signals[0]); err != nil {
				return err.Error()
			}
			return m.State()
		}
	}
}

func defineLooplab() func() func() string {
	var events looplabfsm.Events
	for i, s := range ring {
		events = append(events, looplabfsm.EventDesc{Name: ringEvents[i], Src: []string{s}, Dst: next(i)})
	}
	return func() func() string {
		m := looplabfsm.NewFSM(ring[0], events, nil)
		return func() string {
			if err := m.Event(context.Background(), ringEvents[0]); err != nil {
				return err.Error()
			}
			return m.Current()
		}
	}
}

func defineStateless(mode stateless.FiringMode) func() func() string {
	var states []stateless.State
	var triggers []stateless.Trigger
	for i, s := range ring {
		states, triggers = append(states, s), append(triggers, ringEvents[i])
	}
	return func() func() string {
		m := stateless.NewStateMachineWithMode(states[0], mode)
		for i := range states {
			m.Configure(states[i]).Permit(triggers[i], states[(i+1)%len(states)])
		}
		return func() string {
			if err := m.Fire(triggers[0]); err != nil {
				return err.Error()
			}
			return m.MustState().(string)
		}
	}
}

func defineStatekit() func() string {
	b := statekit.NewMachine[struct{}]("ring").WithInitial(statekit.StateID(ring[0]))
	for i, s := range ring {
		b.State(statekit.StateID(s)).On(statekit.EventType(ringEvents[i])).Target(statekit.StateID(next(i)))
	}
	config, err := b.Build()
	if err != nil {
		panic(err)
	}
	return func() string {
		m := startStatekit(config)
		m.Send(statekit.Event{Type: statekit.EventType(ringEvents[0])})
		return string(m.State().Value)
	}
}

func TestDefinitionsMakeTheStepsOfTheRing(t *testing.T) {
	for _, d := range definitions {
		if got := d.define()(); got != ring[1] {
			t.Errorf("%s is in %q after a step, want %q", d.name, got, ring[1])
		}
	}
}
