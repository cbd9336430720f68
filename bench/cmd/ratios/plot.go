package main

import (
	"fmt"

	"github.com/leasehold-go/leasehold/internal/figures"
)

// panel is one case, in one unit.
type panel struct {
	bench, text, unit string
	procs             int
}

var panels = []panel{
	{"Transition", "transition, ns", "ns/op", 2},
	{"Event", "event, ns", "ns/op", 2},
	{"Hook", "transition with a hook, ns", "ns/op", 2},
	{"Rejection", "rejection, ns", "ns/op", 2},
	{"Can", "can, ns", "ns/op", 2},
	{"StateUnderWriter", "state read under a writer, ns", "ns/op", 2},
	{"New", "construction, ns", "ns/op", 2},
	{"Memory/entries=50", "bytes a machine, after 50 transitions", "B/machine", 1},
}

// plot draws medians as a self-contained SVG.
func plot(r figures.Results) string {
	p := figures.Plot{
		Title:    "One table, one run: shorter is better",
		Subtitle: fmt.Sprintf("medians of %s rounds, 2 processors; leasehold and baseline keep a history of 50, the others none", r.Config["rounds"]),
	}
	for _, c := range panels {
		panel := figures.Panel{Title: c.text}
		for _, lib := range append([]string{us}, others...) {
			median := r.Value(series(c.bench, lib, c.procs, c.unit)).Median
			panel.Bars = append(panel.Bars, figures.Bar{Label: lib, Colour: colour(lib), Value: median})
		}
		p.Panels = append(p.Panels, panel)
	}
	return p.SVG()
}

func colour(lib string) string {
	switch lib {
	case us:
		return "#0969da"
	case byHand:
		return "#57606a"
	}
	return "#c8ccd1"
}
