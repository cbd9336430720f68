package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// us is the library whose benchmarks these are; byHand is what it is held to.
const (
	us     = "leasehold"
	byHand = "baseline"
)

// rivals are the other libraries.
var rivals = []string{"looplab", "stateless-immediate", "stateless-queued", "statekit"}

// series names the figures of one benchmark in one unit, one a round.
type series struct {
	bench string // without "Benchmark" and without the library: "Memory/entries=50"
	lib   string
	procs int
	unit  string
}

type results struct {
	figures map[series][]float64
	config  map[string]string // lines such as "cpu: ..."
}

var (
	resultLine = regexp.MustCompile(`^Benchmark(\w+)/lib=([\w-]+?)((?:/[\w=]+)*)(?:-(\d+))?\s+\d+\s+(.+)$`)
	configLine = regexp.MustCompile(`^([a-z][\w/.-]*): (.+)$`)
)

// parse reads the output of `go test -bench`.
func parse(in io.Reader) (results, error) {
	r := results{figures: map[series][]float64{}, config: map[string]string{}}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "--- FAIL") { // the exit status may be zero
			return results{}, fmt.Errorf("a benchmark failed: %s", lines.Text())
		}
		if m := configLine.FindStringSubmatch(lines.Text()); m != nil {
			r.config[m[1]] = m[2]
		}
		if m := resultLine.FindStringSubmatch(lines.Text()); m != nil {
			if err := r.add(m); err != nil {
				return results{}, fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
	}
	if len(r.figures) == 0 && lines.Err() == nil {
		return results{}, errors.New("no results of benchmarks in the input")
	}
	return r, lines.Err()
}

func (r results) add(m []string) error {
	procs, err := strconv.Atoi(cmp.Or(m[4], "1")) // go test leaves out -1
	if err != nil {
		return err
	}
	fields := strings.Fields(m[5])
	for i := 0; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			return err
		}
		s := series{bench: m[1] + m[3], lib: m[2], procs: procs, unit: fields[i+1]}
		r.figures[s] = append(r.figures[s], v)
	}
	return nil
}

// spread is a median between its quartiles. Without figures it is NaN.
type spread struct{ low, median, high float64 }

func spreadOf(figures []float64) spread {
	sorted := slices.Sorted(slices.Values(figures))
	return spread{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}
}

// quantile interpolates between the two figures next to it.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := q * float64(len(sorted)-1)
	below, part := math.Modf(at)
	i := int(below)
	if part == 0 {
		return sorted[i]
	}
	return sorted[i]*(1-part) + sorted[i+1]*part
}

func (r results) value(s series) spread { return spreadOf(r.figures[s]) }

// ratio compares two benchmarks round by round. If one of them has rounds that
// the other lacks, there is nothing to pair, and it is NaN.
func (r results) ratio(above, below series) spread {
	a, b := r.figures[above], r.figures[below]
	if len(a) != len(b) {
		return spreadOf(nil)
	}
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return spreadOf(ratios)
}

// fastest is the rival with the smallest median, or "" if none has the case.
func (r results) fastest(s series) string {
	best, name := math.Inf(1), ""
	for _, lib := range rivals {
		s.lib = lib
		if v := r.value(s).median; v < best {
			best, name = v, lib
		}
	}
	return name
}
