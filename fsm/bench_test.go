package fsm_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

// byHand is a state machine without a library: a mutex, states as small numbers, a ring of
// 50 entries and the monotonic clock. The figures of the package are ratios to it in the
// same run.
type byHand struct {
	mu     sync.Mutex
	state  uint8
	count  uint64
	ring   [50]handEntry
	oldest int
}

type handEntry struct {
	at       time.Duration
	from, to uint8
}

var (
	handStarted = time.Now()
	handTable   = [6][]uint8{{1}, {2, 4, 0}, {3, 4, 0}, {4}, {5}, {0}}
	errHand     = errors.New("refused")
)

func (m *byHand) transition(to uint8) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range handTable[m.state] {
		if t == to {
			m.ring[m.oldest] = handEntry{time.Since(handStarted), m.state, to}
			if m.oldest++; m.oldest == len(m.ring) {
				m.oldest = 0
			}
			m.count++
			m.state = to
			return nil
		}
	}
	return errHand
}

func BenchmarkBaseline(b *testing.B) {
	m := new(byHand)
	path := []uint8{1, 0}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := m.transition(path[i&1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	def, err := lifecycle.With(fsm.On(stop, fsm.From(idle), starting), fsm.On(stop, fsm.From(starting), idle))
	if err != nil {
		b.Fatal(err)
	}
	m := fsm.New(def)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := m.Fire(ctx, stop); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEventWithArgument(b *testing.B) {
	def, err := lifecycle.With(fsm.On(boot, fsm.From(idle), starting, fsm.If("disk", bootable)), fsm.On(boot, fsm.From(starting), idle))
	if err != nil {
		b.Fatal(err)
	}
	m := fsm.New(def)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if err := fsm.Fire(ctx, m, boot, disk{1}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransition(b *testing.B) { backAndForth(b, lifecycle) }

func BenchmarkTransitionWithHook(b *testing.B) {
	def, err := lifecycle.With(fsm.After(func(context.Context, fsm.Transition[state]) error { return nil }))
	if err != nil {
		b.Fatal(err)
	}
	backAndForth(b, def)
}

// The target is a parent: the transition enters the parent and its first child.
func BenchmarkTransitionAcrossLevels(b *testing.B) {
	def, err := fsm.Define(idle, fsm.Table[state]{
		idle: {starting}, starting: {idle}, warming: {active}, active: {},
	}, fsm.Substates(starting, warming, active))
	if err != nil {
		b.Fatal(err)
	}
	backAndForth(b, def)
}

// A timeout starts with every other transition and ends with the next.
func BenchmarkTransitionWithTimeout(b *testing.B) {
	def, err := lifecycle.With(fsm.Timeout(starting, time.Hour, idle))
	if err != nil {
		b.Fatal(err)
	}
	backAndForth(b, def)
}

// backAndForth measures transitions to starting and back to idle.
func backAndForth(b *testing.B, def *fsm.Definition[state]) {
	m := fsm.New(def)
	ctx := context.Background()
	defer m.Close(ctx)
	path := []state{starting, idle}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := m.Transition(ctx, path[i&1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRejection(b *testing.B) {
	m := fsm.New(lifecycle)
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if m.Transition(ctx, active) == nil {
			b.Fatal("the transition was accepted")
		}
	}
}

func BenchmarkState(b *testing.B) {
	m := fsm.New(lifecycle)
	for b.Loop() {
		if m.State() != idle {
			b.Fatal("the machine moved")
		}
	}
}

func BenchmarkStateUnderWriter(b *testing.B) {
	m := fsm.New(lifecycle)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = m.Transition(ctx, starting)
			_ = m.Transition(ctx, idle)
		}
	}()
	for b.Loop() {
		if m.State() == active {
			b.Fatal("the machine is in a state that no transition leads to")
		}
	}
	cancel()
	<-ended
}

func BenchmarkCan(b *testing.B) {
	m := fsm.New(lifecycle)
	for b.Loop() {
		if !m.Can(starting) {
			b.Fatal("the edge to starting is missing")
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if fsm.New(lifecycle) == nil {
			b.Fatal("New returned nil")
		}
	}
}
