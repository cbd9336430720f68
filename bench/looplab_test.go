package bench

import (
	"context"
	"testing"

	looplabfsm "github.com/looplab/fsm"
)

var looplabLibrary = library{
	name:      "looplab",
	create:    newLooplab,
	creations: looplabCreations,
}

var looplabEvents, looplabRound = func() (all looplabfsm.Events, round [len(steps)]string) {
	for i, s := range steps {
		var sources []string
		for _, from := range s.from {
			sources = append(sources, string(from))
		}
		all = append(all, looplabfsm.EventDesc{Name: s.event, Src: sources, Dst: string(s.to)})
		round[i] = s.event
	}
	return all, round
}()

type looplab struct{ *looplabfsm.FSM }

func newLooplab(hook func()) machine {
	callbacks := looplabfsm.Callbacks{}
	if hook != nil {
		callbacks["enter_state"] = func(context.Context, *looplabfsm.Event) { hook() }
	}
	return looplab{looplabfsm.NewFSM(string(Idle), looplabEvents, callbacks)}
}

func (m looplab) move(to State) error { return m.Event(context.Background(), eventTo(to)) }
func (m looplab) can(to State) bool   { return m.Can(eventTo(to)) }
func (m looplab) present() State      { return State(m.Current()) }
func (m looplab) past() []State       { return nil }

func (m looplab) transitions(b *testing.B) {
	ctx := context.Background()
	for i := 0; b.Loop(); i++ {
		if i == len(looplabRound) {
			i = 0
		}
		if err := m.Event(ctx, looplabRound[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func (m looplab) rejections(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		if m.Event(ctx, "activate") == nil {
			b.Fatal("accepted")
		}
	}
}

func (m looplab) questions(b *testing.B) {
	for b.Loop() {
		if !m.Can("start") {
			b.Fatal("cannot start")
		}
	}
}

func (m looplab) reads(b *testing.B) {
	for b.Loop() {
		if m.Current() == "" {
			b.Fatal("no state")
		}
	}
}

var looplabKept *looplabfsm.FSM

func looplabCreations(b *testing.B) {
	for b.Loop() {
		looplabKept = looplabfsm.NewFSM(string(Idle), looplabEvents, nil)
	}
}
