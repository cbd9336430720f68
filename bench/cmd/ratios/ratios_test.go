package main

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/internal/figures"
)

const sample = `go: go1.26.0
rounds: 3
goos: linux
cpu: Some Processor @ 2.00GHz
BenchmarkTransition/lib=leasehold         	100	50.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=leasehold-2       	100	60.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=baseline-2        	100	40.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=stateless-queued-2	100	300 ns/op	64 B/op	1 allocs/op
BenchmarkTransition/lib=looplab-2         	100	240 ns/op	64 B/op	1 allocs/op
--- SKIP: BenchmarkCan/lib=statekit
BenchmarkTransition/lib=leasehold-2       	100	600.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=baseline-2        	100	500.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=looplab-2         	100	1200 ns/op	64 B/op	1 allocs/op
BenchmarkTransition/lib=leasehold-2       	100	66.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=baseline-2        	100	60.0 ns/op	0 B/op	0 allocs/op
BenchmarkTransition/lib=looplab-2         	100	198 ns/op	64 B/op	1 allocs/op
BenchmarkMemory/lib=leasehold/entries=50  	1	1072 B/machine
PASS
`

func sampleResults(t *testing.T) figures.Results {
	t.Helper()
	r, err := figures.Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParse(t *testing.T) {
	r := sampleResults(t)
	tests := map[string]struct {
		series figures.Series
		want   []float64
	}{
		"no suffix is one processor":   {series("Transition", us, 1, "ns/op"), []float64{50}},
		"a round after another":        {series("Transition", us, 2, "ns/op"), []float64{60, 600, 66}},
		"a library with a dash":        {series("Transition", "stateless-queued", 2, "allocs/op"), []float64{1}},
		"what follows the library":     {series("Memory/entries=50", us, 1, "B/machine"), []float64{1072}},
		"what was skipped has nothing": {series("Can", "statekit", 1, "ns/op"), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := r.Figures[test.series]; !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if got := r.Config["cpu"]; got != "Some Processor @ 2.00GHz" {
		t.Errorf("cpu is %q", got)
	}
	for _, bad := range []string{"ok\n", sample + "--- FAIL: BenchmarkCan/lib=looplab-2\n"} {
		if _, err := figures.Parse(strings.NewReader(bad)); err == nil {
			t.Errorf("accepted: %s", bad)
		}
	}
}

// The second round was ten times as slow for everyone. Medians of times would
// say 66/60; what counts is the middle one of 1.5, 1.2 and 1.1.
func TestRatiosArePairedByRound(t *testing.T) {
	r := sampleResults(t)
	if got := versus("Transition", byHand)(r, 2).Median; got != 1.2 {
		t.Errorf("%v times the baseline, want 1.2", got)
	}
	if got := lead("Transition")(r, 2).Median; got != 3 {
		t.Errorf("%v times as fast as the fastest peer, want 3", got)
	}
	if got := versus("Transition", "stateless-queued")(r, 2).Median; !math.IsNaN(got) {
		t.Errorf("one round was paired with three: %v", got)
	}
}

func TestQuantile(t *testing.T) {
	tests := []struct {
		figures   []float64
		q25, half float64
	}{
		{[]float64{7}, 7, 7},
		{[]float64{4, 2}, 2.5, 3},
		{[]float64{5, 1, 3, 2, 4}, 2, 3},
	}
	for _, test := range tests {
		if got := figures.SpreadOf(test.figures); got.Low != test.q25 || got.Median != test.half {
			t.Errorf("%v: quartile %v and median %v, want %v and %v", test.figures, got.Low, got.Median, test.q25, test.half)
		}
	}
}

func TestTargets(t *testing.T) {
	r := sampleResults(t)
	at := func(limit float64, atLeast bool) bool {
		return target{limit: limit, atLeast: atLeast, procs: parallel, of: versus("Transition", byHand)}.met(r)
	}
	if !at(1.2, false) || at(1.19, false) || !at(1.2, true) || at(1.21, true) {
		t.Errorf("a ratio of 1.2 is judged wrongly")
	}
	unmeasured := target{limit: 5, procs: anywhere, of: figure("Can", "ns/op")}
	if unmeasured.met(r) {
		t.Errorf("a target is met by what was not measured")
	}
}

func TestSplice(t *testing.T) {
	got, err := figures.Splice("head\n"+begin+"\nold\n"+end+"\ntail\n", begin, end, "new\n")
	if want := "head\n" + begin + "\n\nnew\n\n" + end + "\ntail\n"; err != nil || got != want {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := figures.Splice("no marks", begin, end, "new"); err == nil {
		t.Errorf("a page without marks was accepted")
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	picture := xml.NewDecoder(strings.NewReader(plot(sampleResults(t))))
	for {
		if _, err := picture.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// The page, the plot and the run that is kept belong together.
func TestPageShowsTheRunThatIsKept(t *testing.T) {
	raw, err := os.ReadFile("../../results.txt")
	if err != nil {
		t.Fatal(err)
	}
	r, err := figures.Parse(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	if want, err := figures.Splice(string(page), begin, end, report(r)); err != nil || want != string(page) {
		t.Errorf("docs/benchmarks.md shows another run; go run ./cmd/ratios -from results.txt -write (%v)", err)
	}
	picture, err := os.ReadFile("../../../docs/benchmarks.svg")
	if err != nil || string(picture) != plot(r) {
		t.Errorf("docs/benchmarks.svg shows another run; go run ./cmd/ratios -from results.txt -write (%v)", err)
	}
}

// Every benchmark that the tables ask for exists under that name.
func TestEveryCaseExists(t *testing.T) {
	source, err := os.ReadFile("../../bench_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range append(slices.Clone(timed), weighed...) {
		name, _, _ := strings.Cut(row.bench, "/")
		if !regexp.MustCompile(`func Benchmark` + name + `\(`).Match(source) {
			t.Errorf("there is no Benchmark%s", name)
		}
	}
}
