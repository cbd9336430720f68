// Package figures reads the figures of benchmarks and compares them round by round. The
// benchmarks of the machine and of the locks share it: the format of a run, the median of
// the ratios within a round, and the part of a page that a run rewrites.
package figures

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Series names the figures of one benchmark in one unit, one figure a round.
type Series struct {
	Bench string // without "Benchmark" and without the library: "Memory/entries=50"
	Lib   string
	Procs int
	Unit  string
}

// Results are the figures of one run.
type Results struct {
	Figures map[Series][]float64
	Config  map[string]string // lines such as "cpu: ..."
}

var (
	resultLine = regexp.MustCompile(`^Benchmark(\w+)/lib=([\w-]+?)((?:/[\w=]+)*)(?:-(\d+))?\s+\d+\s+(.+)$`)
	configLine = regexp.MustCompile(`^([a-z][\w/.-]*): (.+)$`)
)

// Parse reads the output of `go test -bench`.
func Parse(in io.Reader) (Results, error) {
	r := Results{Figures: map[Series][]float64{}, Config: map[string]string{}}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "--- FAIL") { // the exit status may be zero
			return Results{}, fmt.Errorf("a benchmark failed: %s", lines.Text())
		}
		if m := configLine.FindStringSubmatch(lines.Text()); m != nil {
			r.Config[m[1]] = m[2]
		}
		if m := resultLine.FindStringSubmatch(lines.Text()); m != nil {
			if err := r.add(m); err != nil {
				return Results{}, fmt.Errorf("%q: %w", lines.Text(), err)
			}
		}
	}
	if len(r.Figures) == 0 && lines.Err() == nil {
		return Results{}, errors.New("no results of benchmarks in the input")
	}
	return r, lines.Err()
}

func (r Results) add(m []string) error {
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
		s := Series{Bench: m[1] + m[3], Lib: m[2], Procs: procs, Unit: fields[i+1]}
		r.Figures[s] = append(r.Figures[s], v)
	}
	return nil
}

// Value summarises a series.
func (r Results) Value(s Series) Spread { return SpreadOf(r.Figures[s]) }

// Ratio compares two series round by round. If one of them has rounds that the other
// lacks, there is nothing to pair, and the ratio is NaN.
func (r Results) Ratio(above, below Series) Spread {
	a, b := r.Figures[above], r.Figures[below]
	if len(a) != len(b) {
		return SpreadOf(nil)
	}
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return SpreadOf(ratios)
}

// Spread is a median between its quartiles. Without figures all three are NaN.
type Spread struct{ Low, Median, High float64 }

// Text writes the median and, unless they round to one figure, the quartiles.
func (s Spread) Text(unit string) string {
	text := Round(s.Median) + unit
	if Round(s.Low) != Round(s.High) {
		text += fmt.Sprintf(" (%s to %s)", Round(s.Low), Round(s.High))
	}
	return text
}

// SpreadOf summarises figures in any order.
func SpreadOf(figures []float64) Spread {
	sorted := slices.Sorted(slices.Values(figures))
	return Spread{Quantile(sorted, 0.25), Quantile(sorted, 0.5), Quantile(sorted, 0.75)}
}

// Quantile interpolates between the two sorted figures next to it. Without figures it is
// NaN.
func Quantile(sorted []float64, q float64) float64 {
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

// Round gives a figure as many digits as it is worth.
func Round(v float64) string {
	switch {
	case v == math.Trunc(v) || v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// WritePeers writes a configuration line with the version of each module.
func WritePeers(ctx context.Context, out io.Writer, modules []string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list", "-m", "-f", "{{.Path}}: {{.Version}}"}, modules...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	versions, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("versions of the peers: %s: %w: %s%s", cmd, err, versions, stderr.Bytes())
	}
	for line := range strings.Lines(string(versions)) {
		fmt.Fprintf(out, "peer-%s", strings.TrimPrefix(line, "github.com/"))
	}
	return nil
}

// Peers returns the versions that WritePeers wrote, in one line.
func (r Results) Peers() string {
	var versions []string
	for _, key := range slices.Sorted(maps.Keys(r.Config)) {
		if path, ok := strings.CutPrefix(key, "peer-"); ok {
			versions = append(versions, path+" "+r.Config[key])
		}
	}
	return strings.Join(versions, ", ")
}

// SplicePage replaces the text between two marks of a file.
func SplicePage(path, begin, end, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	renewed, err := Splice(string(old), begin, end, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(renewed), 0o644)
}

// Splice replaces the text between two marks of a page.
func Splice(page, begin, end, text string) (string, error) {
	head, rest, ok := strings.Cut(page, begin)
	_, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("the marks %q and %q are missing", begin, end)
	}
	return head + begin + "\n\n" + text + "\n" + end + tail, nil
}

// Load returns the load average of the last minute, or "unknown" on a system without
// /proc.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
