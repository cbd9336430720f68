package bench

import (
	"testing"

	"github.com/felixgeelhaar/statekit"
)

var statekitLibrary = library{
	name:      "statekit",
	mute:      true,
	create:    newStatekit,
	nested:    func() machine { return statekitMachine{startStatekit(nestedStatekit)} },
	creations: statekitCreations,
}

var (
	statekitLifecycle = buildStatekit(nil)
	statekitRound     = func() (events [len(steps)]statekit.Event) {
		for i, s := range steps {
			events[i].Type = statekit.EventType(s.event)
		}
		return events
	}()
)

func buildStatekit(hook func()) *statekit.MachineConfig[struct{}] {
	builder := statekit.NewMachine[struct{}]("lifecycle").WithInitial(statekit.StateID(Idle))
	if hook != nil {
		builder.WithAction("hook", func(*struct{}, statekit.Event) { hook() })
	}
	for from, targets := range table {
		state := builder.State(statekit.StateID(from))
		if hook != nil {
			state.OnEntry("hook")
		}
		for _, to := range targets {
			state.On(statekit.EventType(eventTo(to))).Target(statekit.StateID(to))
		}
	}
	config, err := builder.Build()
	if err != nil {
		panic(err)
	}
	return config
}

var nestedStatekit = func() *statekit.MachineConfig[struct{}] {
	builder := statekit.NewMachine[struct{}]("nested").WithInitial(statekit.StateID(Idle))
	running := builder.State(statekit.StateID(Running)).WithInitial(statekit.StateID(Starting))
	live := running.State(statekit.StateID(Live)).WithInitial(statekit.StateID(Warming))
	for from, targets := range table {
		var state *statekit.StateBuilder[struct{}]
		switch from {
		case Starting:
			state = running.State(statekit.StateID(from))
		case Warming, Active:
			state = live.State(statekit.StateID(from))
		default:
			state = builder.State(statekit.StateID(from))
		}
		for _, to := range targets {
			state.On(statekit.EventType(eventTo(to))).Target(statekit.StateID(to))
		}
	}
	config, err := builder.Build()
	if err != nil {
		panic(err)
	}
	return config
}()

type statekitMachine struct {
	*statekit.Interpreter[struct{}]
}

func newStatekit(hook func()) machine {
	config := statekitLifecycle
	if hook != nil {
		config = buildStatekit(hook)
	}
	return statekitMachine{startStatekit(config)}
}

// startStatekit returns an interpreter that takes events: before Start it drops
// them all.
func startStatekit(config *statekit.MachineConfig[struct{}]) *statekit.Interpreter[struct{}] {
	m := statekit.NewInterpreter(config)
	m.Start()
	return m
}

func (m statekitMachine) move(to State) error {
	m.Send(statekit.Event{Type: statekit.EventType(eventTo(to))})
	return nil
}

func (m statekitMachine) present() State { return State(m.State().Value) }
func (m statekitMachine) past() []State  { return nil }

func (m statekitMachine) transitions(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		if i == len(statekitRound) {
			i = 0
		}
		m.Send(statekitRound[i])
	}
}

func (m statekitMachine) rejections(b *testing.B) {
	for b.Loop() {
		m.Send(statekit.Event{Type: "activate"})
	}
}

func (m statekitMachine) reads(b *testing.B) {
	for b.Loop() {
		if m.State().Value == "" {
			b.Fatal("no state")
		}
	}
}

var statekitKept *statekit.Interpreter[struct{}]

func statekitCreations(b *testing.B) {
	for b.Loop() {
		statekitKept = startStatekit(statekitLifecycle)
	}
}
