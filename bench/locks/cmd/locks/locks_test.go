package main

import (
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/internal/figures"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const sample = `rounds: 3
failed-Fleet: the server is gone
cpu: Some Processor @ 2.00GHz
soak: 10 heartbeat periods of 5s
BenchmarkCrowd/lib=raw	100	100 ops/s	10 server-µs/op
BenchmarkCrowd/lib=redislock	100	90 ops/s
BenchmarkCrowd/lib=rueidislock	100	200 ops/s
BenchmarkCrowd/lib=leasehold	100	150 ops/s
BenchmarkCrowd/lib=raw	100	10 ops/s	10 server-µs/op
BenchmarkCrowd/lib=redislock	100	9 ops/s
BenchmarkCrowd/lib=rueidislock	100	20 ops/s
BenchmarkCrowd/lib=leasehold	100	12 ops/s
BenchmarkCrowd/lib=raw	100	100 ops/s	10 server-µs/op
BenchmarkCrowd/lib=redislock	100	90 ops/s
BenchmarkCrowd/lib=rueidislock	100	200 ops/s
BenchmarkCrowd/lib=leasehold	100	130 ops/s
BenchmarkHandover/lib=leasehold/pooled	500	0.5 p50-ms	1.5 p99-ms	3 p99/p50
BenchmarkSoak/lib=leasehold	1000	0 lost
`

func sampleResults(t *testing.T) figures.Results {
	t.Helper()
	r, err := figures.Parse(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The machine was ten times as slow in the second round. The ratio is that of one round.
func TestRatiosArePairedByRound(t *testing.T) {
	r := sampleResults(t)
	if got := versus("Crowd", us, "raw", "ops/s")(r).Median; got != 1.3 {
		t.Errorf("%v times raw, want 1.3", got)
	}
	if got := lead("Crowd", "ops/s", true)(r).Median; got != 0.65 {
		t.Errorf("%v times the fastest rival, rueidislock, want 0.65", got)
	}
	if got := versus("Crowd", us, "redsync", "ops/s")(r).Median; !math.IsNaN(got) {
		t.Errorf("%v times redsync, which was not measured", got)
	}
}

func TestVerdict(t *testing.T) {
	most, least := target{limit: 4}, target{limit: 2, atLeast: true}
	tests := map[string]struct {
		target target
		value  float64
		want   string
	}{
		"at the upper bound":  {most, 4, "met"},
		"above it":            {most, 5, "**missed** by 25 %"},
		"at the lower bound":  {least, 2, "met"},
		"below it":            {least, 1.5, "**missed** by 25 %"},
		"above nothing":       {target{unit: " B"}, 7, "**missed** by 7 B"},
		"not in the run":      {most, math.NaN(), "not measured"},
		"zero, where it must": {target{}, 0, "met"},
	}
	for name, test := range tests {
		if got := test.target.verdict(test.value); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestReport(t *testing.T) {
	got := report(sampleResults(t))
	for _, want := range []string{
		"| acquire and release, 64 callers, times raw | ≥ 1.3× | 1.30× (1.25 to 1.40) | met |",
		"| leases lost in the soak | ≤ 0 | 0 | met |",
		"| 64 callers, cycles a second | 100 | – | 90 (0.90×) | – | 200 (2×) | – | 130 (1.30×) |",
		"| p99 of all, ms | – | – | – | – | 1.50 |",
		"\nFleet failed: the server is gone\n",
		"soak of 10 heartbeat periods of 5s",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the report lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "On etcd.") {
		t.Error("the report has a table of which nothing was measured")
	}
}

func TestPlotIsWellFormed(t *testing.T) {
	svg := xml.NewDecoder(strings.NewReader(plot(sampleResults(t)).SVG()))
	for {
		if _, err := svg.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// The page, the plot and the run that is kept belong together. Without a run the page has
// the marks between which one goes.
func TestPageShowsTheRunThatIsKept(t *testing.T) {
	at := func(path string) string { return "../../" + path } // the command runs there
	text, err := os.ReadFile(at(page))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := figures.Splice(string(text), begin, end, ""); err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	raw, err := os.ReadFile(at(resultsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	r, err := figures.Parse(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	if want, err := figures.Splice(string(text), begin, end, section(r)); err != nil || want != string(text) {
		t.Errorf("%s shows another run; go run ./cmd/locks -from %s -write (%v)", page, resultsFile, err)
	}
	if svg, err := os.ReadFile(at(picture)); err != nil || string(svg) != plot(r).SVG() {
		t.Errorf("%s shows another run; go run ./cmd/locks -from %s -write (%v)", picture, resultsFile, err)
	}
}

func TestOnlyAFullRunIsPublished(t *testing.T) {
	for _, args := range [][]string{{"-write", "-quick"}, {"-write", "-run", "Crowd"}, {"-run", "("}, {"stray"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
