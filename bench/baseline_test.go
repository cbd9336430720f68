package bench

import (
	"sync"
	"testing"
	"time"
)

// The machine to write by hand without a library, and the measure of a library:
// everything it needs, nothing that can be left out.

var (
	baselineNames  = [...]State{Idle, Starting, Warming, Active, Stopping, Stopped}
	baselineIDs    = map[State]uint8{Idle: 0, Starting: 1, Warming: 2, Active: 3, Stopping: 4, Stopped: 5}
	baselineEvents = map[string]uint8{"start": 1, "warm": 2, "activate": 3, "stop": 4, "finish": 5, "reset": 0}
	// baselineEdges is by source and target. An event has one target, and goes by
	// its number.
	baselineEdges = [6][6]bool{
		0: {1: true},
		1: {2: true, 4: true, 0: true},
		2: {3: true, 4: true, 0: true},
		3: {4: true},
		4: {5: true},
		5: {0: true},
	}
	baselineEpoch = time.Now() // times are since then, by the monotonic clock
)

var baselineLibrary = library{
	name:      "baseline",
	history:   50,
	eventful:  func() machine { return newBaseline(nil) },
	create:    newBaseline,
	creations: baselineCreations,
}

type baselineEntry struct {
	at       time.Duration
	from, to uint8
}

type baseline struct {
	mu    sync.Mutex
	state uint8
	count int // of all transitions
	ring  [50]baselineEntry
	hook  func()
}

type baselineRefusal struct{ from, to State }

func (r *baselineRefusal) Error() string { return string(r.from + " -> " + r.to + " is refused") }

func newBaseline(hook func()) machine { return &baseline{hook: hook} }

func (m *baseline) transition(to State) error {
	id, ok := baselineIDs[to]
	if !ok {
		return &baselineRefusal{m.present(), to}
	}
	return m.transitionID(id)
}

func (m *baseline) transitionID(to uint8) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !baselineEdges[m.state][to] {
		return &baselineRefusal{baselineNames[m.state], baselineNames[to]}
	}
	m.ring[m.count%len(m.ring)] = baselineEntry{time.Since(baselineEpoch), m.state, to}
	m.count++
	m.state = to
	if m.hook != nil {
		m.hook()
	}
	return nil
}

func (m *baseline) can(to State) bool {
	id, ok := baselineIDs[to]
	m.mu.Lock()
	defer m.mu.Unlock()
	return ok && baselineEdges[m.state][id]
}

func (m *baseline) present() State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return baselineNames[m.state]
}

func (m *baseline) move(to State) error     { return m.transition(to) }
func (m *baseline) fire(event string) error { return m.transitionID(baselineEvents[event]) }

func (m *baseline) past() []State {
	m.mu.Lock()
	defer m.mu.Unlock()
	var entered []State
	for i := max(0, m.count-len(m.ring)); i < m.count; i++ {
		entered = append(entered, baselineNames[m.ring[i%len(m.ring)].to])
	}
	return entered
}

func (m *baseline) transitions(b *testing.B) {
	for i := 0; b.Loop(); i++ {
		if i == len(round) {
			i = 0
		}
		if err := m.transition(round[i]); err != nil {
			b.Fatal(err)
		}
	}
}

// events are numbers already, as they are where one writes a machine by hand.
func (m *baseline) events(b *testing.B) {
	ids := [...]uint8{1, 2, 3, 4, 5, 0}
	for i := 0; b.Loop(); i++ {
		if i == len(ids) {
			i = 0
		}
		if err := m.transitionID(ids[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func (m *baseline) rejections(b *testing.B) {
	for b.Loop() {
		if m.transition(Active) == nil {
			b.Fatal("accepted")
		}
	}
}

func (m *baseline) questions(b *testing.B) {
	for b.Loop() {
		if !m.can(Starting) {
			b.Fatal("cannot start")
		}
	}
}

func (m *baseline) reads(b *testing.B) {
	for b.Loop() {
		if m.present() == "" {
			b.Fatal("no state")
		}
	}
}

var baselineKept *baseline

func baselineCreations(b *testing.B) {
	for b.Loop() {
		baselineKept = &baseline{}
	}
}
