package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// The plot is a panel a case and a bar a library: two columns of panels, each
// with its own scale from zero, the figure beside each bar.
const (
	panelWidth, panelHeight = 430, 150
	margin, top             = 20, 56
	labelWidth, barSpace    = 130, 210
	barHeight, barStep      = 13, 18
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
func plot(r results) string {
	width := 2*panelWidth + 3*margin
	height := top + (len(panels)+1)/2*panelHeight + margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	b.WriteString(label(margin, 26, "start", "#1f2328", ` font-size="16" font-weight="bold"`, "One table, one run: shorter is better"))
	b.WriteString(label(margin, 44, "start", "#59636e", "", fmt.Sprintf("medians of %s rounds, 2 processors; leasehold and baseline keep a history of 50, the others none", r.config["rounds"])))
	for i, p := range panels {
		x, y := margin+i%2*(panelWidth+margin), top+i/2*panelHeight
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n%s</g>\n", x, y, p.draw(r))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p panel) draw(r results) string {
	var b strings.Builder
	b.WriteString(label(0, 18, "start", "#1f2328", ` font-weight="bold"`, p.text))
	columns := append([]string{us}, others...)
	longest := 0.0
	for _, lib := range columns {
		if v := p.median(r, lib); !math.IsNaN(v) {
			longest = max(longest, v)
		}
	}
	for i, lib := range columns {
		y := 28 + i*barStep
		b.WriteString(label(labelWidth-8, y+barHeight-2, "end", "#1f2328", "", lib))
		v := p.median(r, lib)
		if math.IsNaN(v) {
			b.WriteString(label(labelWidth, y+barHeight-2, "start", "#59636e", "", "has none"))
			continue
		}
		length := max(1, v/longest*barSpace)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, length, barHeight, colour(lib))
		b.WriteString(label(labelWidth+int(length)+6, y+barHeight-2, "start", "#1f2328", "", round(v)))
	}
	return b.String()
}

func (p panel) median(r results, lib string) float64 {
	return r.value(series{p.bench, lib, p.procs, p.unit}).median
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

func label(x, y int, anchor, fill, style, text string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a Builder never fails
	return fmt.Sprintf(`<text x="%d" y="%d" text-anchor="%s" fill="%s"%s>%s</text>`+"\n", x, y, anchor, fill, style, escaped.String())
}
