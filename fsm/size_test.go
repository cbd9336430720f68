package fsm_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestCallsAllocateNoMoreThanStated(t *testing.T) {
	ctx := context.Background()
	m := fsm.New(lifecycle)
	backAndForthN(t, m, 60) // the history has its full capacity
	hooked := fsm.New(with(t, fsm.Guard(starting, "g", failsWith(nil)), fsm.After(failsWith(nil))))
	backAndForthN(t, hooked, 60)

	signalled := fsm.New(with(t, fsm.On(stop, fsm.From(idle), starting), fsm.On(stop, fsm.From(starting), idle), fsm.On(boot, fsm.From(warming), idle)))
	backAndForthN(t, signalled, 60)
	argued := fsm.New(with(t, fsm.On(boot, fsm.From(idle), starting, fsm.If("disk", bootable)), fsm.On(boot, fsm.From(starting), idle)))
	backAndForthN(t, argued, 60)

	tests := map[string]struct {
		most float64
		call func()
	}{
		"there and back":  {0, func() { _ = m.Transition(ctx, starting); _ = m.Transition(ctx, idle) }},
		"bare event":      {0, func() { _ = signalled.Fire(ctx, stop) }},
		"with argument":   {2, func() { _ = fsm.Fire(ctx, argued, boot, disk{1}) }},    // the argument and the context of the hooks
		"unused argument": {1, func() { _ = fsm.Fire(ctx, signalled, boot, disk{1}) }}, // the error
		"rejection":       {1, func() { _ = m.Transition(ctx, active) }},
		"state and can":   {0, func() { _, _ = m.State(), m.Can(starting) }},
		"hooked":          {2, func() { _ = hooked.Transition(ctx, starting); _ = hooked.Transition(ctx, idle) }},
		"construction":    {1, func() { fsm.New(lifecycle) }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, test.call); got > test.most {
				t.Errorf("%v allocations, want at most %v", got, test.most)
			}
		})
	}
}

func TestMachineUsesNoMoreMemoryThanStated(t *testing.T) {
	tests := map[string]struct {
		transitions int
		most        uint64 // bytes
	}{
		"fresh":           {0, 150},
		"one transition":  {1, 250},
		"history of 50":   {50, 1100},
		"200 transitions": {200, 1100},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			const machines = 2000
			kept := make([]*fsm.Machine[state], machines)
			before := heap()
			for i := range kept {
				kept[i] = fsm.New(lifecycle)
				for n := 1; n <= test.transitions; n++ {
					walk(t, kept[i], stateAfter(n))
				}
			}
			each := (heap() - before) / machines
			runtime.KeepAlive(kept)
			if each > test.most {
				t.Errorf("%d bytes per machine, want at most %d", each, test.most)
			}
		})
	}
}

// A cause is released with its history entry.
func TestCausesDoNotAccumulate(t *testing.T) {
	m := fsm.New(lifecycle)
	backAndForthN(t, m, 300)
	before := heap()
	backAndForthN(t, m, 30000)
	if after := heap(); after > before+100_000 {
		t.Errorf("%d bytes more after 30000 transitions", after-before)
	}
	runtime.KeepAlive(m)
}

// heap returns the number of live bytes.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
