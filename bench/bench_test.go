package bench

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
)

// each runs a benchmark for every library.
func each(b *testing.B, run func(*testing.B, library)) {
	for _, l := range libraries {
		b.Run("lib="+l.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, l)
		})
	}
}

// seasoned returns a machine in Idle with a full history.
func seasoned(b *testing.B, m machine) machine {
	if err := walk(m, 10*len(round)); err != nil {
		b.Fatal(err)
	}
	return m
}

// Besides the libraries: the baseline on the integers that it makes of states,
// and leasehold with features that this machine does not use.
func BenchmarkTransition(b *testing.B) {
	each(b, func(b *testing.B, l library) { seasoned(b, l.create(nil)).transitions(b) })
	b.Run("lib=baseline-ids", func(b *testing.B) {
		b.ReportAllocs()
		seasoned(b, newBaseline(nil)).(firer).events(b)
	})
	for _, feature := range slices.Sorted(maps.Keys(leaseholdUnused)) {
		b.Run("lib=leasehold-"+feature, func(b *testing.B) {
			b.ReportAllocs()
			seasoned(b, leaseholdUnused[feature]()).transitions(b)
		})
	}
}

// One event is one transition. Libraries that know only events do the same here as in
// BenchmarkTransition.
func BenchmarkEvent(b *testing.B) {
	each(b, func(b *testing.B, l library) {
		if l.eventful != nil {
			seasoned(b, l.eventful()).(firer).events(b)
		} else {
			seasoned(b, l.create(nil)).transitions(b)
		}
	})
}

// A transition with one hook that does next to nothing.
func BenchmarkHook(b *testing.B) {
	each(b, func(b *testing.B, l library) {
		calls := 0
		m := seasoned(b, l.create(func() { calls++ }))
		m.transitions(b)
		if calls == 0 {
			b.Fatal("the hook was not called")
		}
	})
}

// A transition on three levels; see [Running].
func BenchmarkNested(b *testing.B) {
	for _, l := range libraries {
		if l.nested != nil {
			b.Run("lib="+l.name, func(b *testing.B) {
				b.ReportAllocs()
				seasoned(b, l.nested()).transitions(b)
			})
		}
	}
}

func BenchmarkRejection(b *testing.B) {
	each(b, func(b *testing.B, l library) { seasoned(b, l.create(nil)).rejections(b) })
}

func BenchmarkCan(b *testing.B) {
	each(b, func(b *testing.B, l library) {
		if m, ok := seasoned(b, l.create(nil)).(asker); ok {
			m.questions(b)
		} else {
			b.Skip("it has no such question")
		}
	})
}

func BenchmarkState(b *testing.B) {
	each(b, func(b *testing.B, l library) { seasoned(b, l.create(nil)).reads(b) })
}

// The present state, while another goroutine walks the round without a pause. On
// one processor the two take turns, and the figure has the writer's share in it.
func BenchmarkStateUnderWriter(b *testing.B) {
	each(b, func(b *testing.B, l library) {
		m := seasoned(b, l.create(nil))
		var stop atomic.Bool
		under, ended := make(chan struct{}), make(chan error)
		go func() {
			err := walk(m, len(round))
			close(under)
			for err == nil && !stop.Load() {
				err = walk(m, len(round))
			}
			ended <- err
		}()
		<-under
		m.reads(b)
		b.StopTimer()
		stop.Store(true)
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	})
}

// A machine from the parts that the library allows to be shared, ready to take its
// first event.
func BenchmarkNew(b *testing.B) {
	each(b, func(b *testing.B, l library) { l.creations(b) })
}

// A definition of 1,000 states and as many edges. leasehold-events has an event for each edge
// too, as the peers have.
func BenchmarkDefine(b *testing.B) {
	for _, d := range definitions {
		b.Run("lib="+d.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				d.define()
			}
		})
	}
}

// Bytes of heap a machine. With entries=50 it has made 50 transitions, which the
// libraries with a history remember. Time has no meaning here; run it with
// -benchtime=1x.
func BenchmarkMemory(b *testing.B) {
	const machines = 100_000
	for _, entries := range []int{0, 50} {
		for _, l := range libraries {
			b.Run(fmt.Sprintf("lib=%s/entries=%d", l.name, entries), func(b *testing.B) {
				var bytes float64
				for b.Loop() {
					bytes = weigh(b, l, machines, entries)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(bytes, "B/machine")
			})
		}
	}
}

func weigh(b *testing.B, l library, machines, steps int) float64 {
	kept := make([]machine, machines)
	before := heap()
	for i := range kept {
		kept[i] = l.create(nil)
		if err := walk(kept[i], steps); err != nil {
			b.Fatal(err)
		}
	}
	after := heap()
	runtime.KeepAlive(kept)
	return float64(after-before) / float64(machines)
}

// heap is how many bytes are live.
func heap() int64 {
	runtime.GC()
	runtime.GC() // memory that the first one found to be finalised is free now
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
