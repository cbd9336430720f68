package main

import (
	"fmt"
	"math"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// target is a bound on one figure of ours.
type target struct {
	text    string
	limit   float64
	atLeast bool // otherwise at most
	unit    string
	procs   []int // where it holds; elsewhere the figure is shown and not judged
	of      func(r figures.Results, procs int) figures.Spread
}

var (
	anywhere  = []int{1, 2}
	parallel  = []int{2} // on one processor the writer's share is in the figure
	anyMemory = []int{1} // bytes do not depend on processors
)

var targets = []target{
	{text: "transition, by the baseline's", limit: 1.25, unit: "×", procs: anywhere, of: versus("Transition", byHand)},
	{text: "transition, allocations", limit: 0, procs: anywhere, of: figure("Transition", "allocs/op")},
	{text: "transition, times as fast as the fastest peer", limit: 2.5, atLeast: true, unit: "×", procs: anywhere, of: lead("Transition")},
	{text: "transition, events declared and not used, by ours without", limit: 1.05, unit: "×", procs: anywhere, of: burden("events")},
	{text: "transition, once waited for and watched, by ours without", limit: 1.05, unit: "×", procs: anywhere, of: burden("watched")},
	{text: "transition with a hook, times as fast as the fastest peer", limit: 1.5, atLeast: true, unit: "×", procs: anywhere, of: lead("Hook")},
	{text: "transition on three levels, times as fast as the fastest peer", limit: 2.5, atLeast: true, unit: "×", procs: anywhere, of: lead("Nested")},
	{text: "transition on three levels, allocations", limit: 0, procs: anywhere, of: figure("Nested", "allocs/op")},
	{text: "rejection, by the baseline's", limit: 1.5, unit: "×", procs: anywhere, of: versus("Rejection", byHand)},
	{text: "rejection, allocations", limit: 1, procs: anywhere, of: figure("Rejection", "allocs/op")},
	{text: "state read under a writer", limit: 5, unit: " ns", procs: parallel, of: figure("StateUnderWriter", "ns/op")},
	{text: "state read under a writer, times as fast as the fastest peer", limit: 10, atLeast: true, unit: "×", procs: parallel, of: lead("StateUnderWriter")},
	{text: "construction from a shared definition", limit: 60, unit: " ns", procs: anywhere, of: figure("New", "ns/op")},
	{text: "definition of 1,000 states, times as fast as the fastest peer", limit: 1, atLeast: true, unit: "×", procs: anywhere, of: lead("Define")},
	{text: "a fresh machine", limit: 200, unit: " B", procs: anyMemory, of: figure("Memory/entries=0", "B/machine")},
	{text: "a machine with 50 entries", limit: 1536, unit: " B", procs: anyMemory, of: figure("Memory/entries=50", "B/machine")},
}

func figure(bench, unit string) func(figures.Results, int) figures.Spread {
	return func(r figures.Results, procs int) figures.Spread { return r.Value(series(bench, us, procs, unit)) }
}

// versus is our time as a multiple of another's.
func versus(bench, other string) func(figures.Results, int) figures.Spread {
	return func(r figures.Results, procs int) figures.Spread {
		return r.Ratio(series(bench, us, procs, "ns/op"), series(bench, other, procs, "ns/op"))
	}
}

// burden is the time of our transition with a feature that it does not use, as a
// multiple of that without.
func burden(feature string) func(figures.Results, int) figures.Spread {
	return func(r figures.Results, procs int) figures.Spread {
		return r.Ratio(series("Transition", us+"-"+feature, procs, "ns/op"), series("Transition", us, procs, "ns/op"))
	}
}

// lead is the time of the fastest peer as a multiple of ours.
func lead(bench string) func(figures.Results, int) figures.Spread {
	return func(r figures.Results, procs int) figures.Spread {
		ours := series(bench, us, procs, "ns/op")
		theirs := ours
		theirs.Lib = fastest(r, ours)
		return r.Ratio(theirs, ours)
	}
}

// met judges the medians. A figure that was not measured meets nothing.
func (t target) met(r figures.Results) bool {
	for _, procs := range t.procs {
		v := t.of(r, procs).Median
		if math.IsNaN(v) || t.atLeast && v < t.limit || !t.atLeast && v > t.limit {
			return false
		}
	}
	return true
}

func (t target) bound() string {
	if t.atLeast {
		return fmt.Sprintf("≥ %g%s", t.limit, t.unit)
	}
	return fmt.Sprintf("≤ %g%s", t.limit, t.unit)
}
