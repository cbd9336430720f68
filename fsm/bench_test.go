package fsm_test

import (
	"context"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

func BenchmarkTransition(b *testing.B) {
	m := fsm.New(lifecycle)
	ctx := context.Background()
	path := []state{starting, idle}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := m.Transition(ctx, path[i&1]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTransitionWithHook(b *testing.B) {
	def, err := lifecycle.With(fsm.After(func(context.Context, fsm.Transition[state]) error { return nil }))
	if err != nil {
		b.Fatal(err)
	}
	m := fsm.New(def)
	ctx := context.Background()
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
			b.Fatal("accepted")
		}
	}
}

func BenchmarkState(b *testing.B) {
	m := fsm.New(lifecycle)
	for b.Loop() {
		if m.State() != idle {
			b.Fatal("moved")
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
			b.Fatal("moved out of the loop")
		}
	}
	cancel()
	<-ended
}

func BenchmarkCan(b *testing.B) {
	m := fsm.New(lifecycle)
	for b.Loop() {
		if !m.Can(starting) {
			b.Fatal("cannot start")
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if fsm.New(lifecycle) == nil {
			b.Fatal("no machine")
		}
	}
}
