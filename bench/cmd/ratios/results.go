package main

import (
	"math"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// us is leasehold; byHand is the code by hand that bounds leasehold's figures.
const (
	us     = "leasehold"
	byHand = "baseline"
)

// rivals are the other libraries.
var rivals = []string{"looplab", "stateless-immediate", "stateless-queued", "statekit"}

func series(bench, lib string, procs int, unit string) figures.Series {
	return figures.Series{Bench: bench, Lib: lib, Procs: procs, Unit: unit}
}

// fastest is the rival with the smallest median, or "" if none has the case.
func fastest(r figures.Results, s figures.Series) string {
	best, name := math.Inf(1), ""
	for _, lib := range rivals {
		s.Lib = lib
		if v := r.Value(s).Median; v < best {
			best, name = v, lib
		}
	}
	return name
}
