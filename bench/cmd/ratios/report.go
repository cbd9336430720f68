package main

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// The page has its own text around the generated part.
const (
	begin = "<!-- ratios: begin; `go run ./cmd/ratios -write` in bench/ writes what follows -->"
	end   = "<!-- ratios: end -->"
)

// report is everything there is to say, in Markdown.
func report(r figures.Results) string {
	var b strings.Builder
	b.WriteString(targetTable(r))
	for _, procs := range anywhere {
		fmt.Fprintf(&b, "\nTime, %s: ours in nanoseconds, the others' as a multiple of it.\n\n", processors(procs))
		b.WriteString(caseTable(r, timed, procs, "ns/op"))
	}
	b.WriteString("\nAllocations an operation.\n\n")
	b.WriteString(countTable(r, timed, "allocs/op"))
	b.WriteString("\nBytes of heap a machine, over 100,000 machines.\n\n")
	b.WriteString(countTable(r, weighed, "B/machine"))
	onIDs, onStates := series("Transition", byHand+"-ids", 2, "ns/op"), series("Transition", byHand, 2, "ns/op")
	fmt.Fprintf(&b, "\nGiven its small integers in place of states, the baseline takes %s× its time.\n", figures.Round(r.Ratio(onIDs, onStates).Median))
	withEvents := r.Ratio(series("Define", us+"-events", 2, "ns/op"), series("Define", us, 2, "ns/op"))
	fmt.Fprintf(&b, "\nWith an event for each of its 1,000 edges, as the peers have, our definition takes %s× its time.\n", figures.Round(withEvents.Median))
	b.WriteString("\n" + circumstancesOf(r))
	return b.String()
}

func processors(n int) string {
	if n == 1 {
		return "1 processor"
	}
	return fmt.Sprintf("%d processors", n)
}

func targetTable(r figures.Results) string {
	var b strings.Builder
	b.WriteString("| target | bound | 1 processor | 2 processors | |\n|---|---|---|---|---|\n")
	for _, t := range targets {
		verdict := "**missed**"
		if t.met(r) {
			verdict = "met"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", t.text, t.bound(), t.cell(r, 1), t.cell(r, 2), verdict)
	}
	return b.String()
}

// cell is the median with its quartiles, in brackets where it is not judged.
func (t target) cell(r figures.Results, procs int) string {
	v := t.of(r, procs)
	if math.IsNaN(v.Median) {
		return ""
	}
	text := v.Text(t.unit)
	if !slices.Contains(t.procs, procs) {
		text = "[" + text + "]"
	}
	return text
}

// row is a benchmark with its name for people.
type row struct{ bench, text string }

var (
	timed = []row{
		{"Transition", "transition"},
		{"Event", "event"},
		{"Hook", "transition with a hook"},
		{"Rejection", "rejection"},
		{"Can", "can"},
		{"State", "state"},
		{"StateUnderWriter", "state, under a writer"},
		{"New", "construction"},
		{"Define", "definition of 1,000 states"},
	}
	weighed = []row{
		{"Memory/entries=0", "fresh"},
		{"Memory/entries=50", "after 50 transitions"},
	}
)

// others are the columns beside ours.
var others = append([]string{byHand}, rivals...)

// caseTable gives our medians, and the others' as multiples of ours.
func caseTable(r figures.Results, rows []row, procs int, unit string) string {
	return table(rows, func(bench, lib string) string {
		ours := series(bench, us, procs, unit)
		theirs := series(bench, lib, procs, unit)
		switch v := r.Value(theirs).Median; {
		case math.IsNaN(v):
			return "–"
		case lib == us:
			return figures.Round(v) + " ns"
		}
		if v := r.Ratio(theirs, ours).Median; !math.IsNaN(v) {
			return figures.Round(v) + "×"
		}
		return figures.Round(r.Value(theirs).Median) + " ns"
	})
}

// countTable gives everyone's medians, which hardly vary.
func countTable(r figures.Results, rows []row, unit string) string {
	return table(rows, func(bench, lib string) string {
		v := r.Value(series(bench, lib, 1, unit)).Median
		if math.IsNaN(v) {
			return "–"
		}
		return fmt.Sprintf("%.0f", v)
	})
}

func table(rows []row, cell func(bench, lib string) string) string {
	var b strings.Builder
	columns := append([]string{us}, others...)
	fmt.Fprintf(&b, "| | %s |\n|---%s|\n", strings.Join(columns, " | "), strings.Repeat("|---", len(columns)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |", row.text)
		for _, lib := range columns {
			fmt.Fprintf(&b, " %s |", cell(row.bench, lib))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func circumstancesOf(r figures.Results) string {
	c := r.Config
	return fmt.Sprintf("Measured on %s (%s processors), %s/%s, %s; %s rounds; load average %s before and %s after. Peers: %s.\n",
		c["cpu"], c["processors"], c["goos"], c["goarch"], c["go"], c["rounds"], c["load-before"], c["load-after"], r.Peers())
}
