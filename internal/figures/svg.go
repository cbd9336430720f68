package figures

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"
)

// The sizes of a plot, in pixels. Panels are in two columns, each with its own scale from
// zero and the figure beside each bar.
const (
	panelWidth            = 430
	margin, top           = 20, 56
	labelWidth, barSpace  = 130, 210
	barHeight, barStep    = 13, 18
	panelHead, panelSpace = 28, 14
)

// Plot is a picture of bars.
type Plot struct {
	Title, Subtitle string
	Panels          []Panel
}

// Panel compares the same figure of several libraries.
type Panel struct {
	Title string
	Bars  []Bar
}

// Bar is one library's figure. A figure that is NaN is drawn as absent.
type Bar struct {
	Label, Colour string
	Value         float64
}

// SVG draws the plot as one self-contained file. All panels are as high as the one with
// the most bars.
func (p Plot) SVG() string {
	bars := 0
	for _, panel := range p.Panels {
		bars = max(bars, len(panel.Bars))
	}
	panelHeight := panelSpace + panelHead + bars*barStep
	width := 2*panelWidth + 3*margin
	height := top + (len(p.Panels)+1)/2*panelHeight + margin
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", width, height)
	b.WriteString(label(margin, 26, "start", "#1f2328", ` font-size="16" font-weight="bold"`, p.Title))
	b.WriteString(label(margin, 44, "start", "#59636e", "", p.Subtitle))
	for i, panel := range p.Panels {
		x, y := margin+i%2*(panelWidth+margin), top+i/2*panelHeight
		fmt.Fprintf(&b, `<g transform="translate(%d,%d)">`+"\n%s</g>\n", x, y, panel.draw())
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (p Panel) draw() string {
	var b strings.Builder
	b.WriteString(label(0, 18, "start", "#1f2328", ` font-weight="bold"`, p.Title))
	longest := 0.0
	for _, bar := range p.Bars {
		if !math.IsNaN(bar.Value) {
			longest = max(longest, bar.Value)
		}
	}
	for i, bar := range p.Bars {
		y := panelHead + i*barStep
		b.WriteString(label(labelWidth-8, y+barHeight-2, "end", "#1f2328", "", bar.Label))
		if math.IsNaN(bar.Value) {
			b.WriteString(label(labelWidth, y+barHeight-2, "start", "#59636e", "", "has none"))
			continue
		}
		length := max(1, bar.Value/longest*barSpace)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", labelWidth, y, length, barHeight, bar.Colour)
		b.WriteString(label(labelWidth+int(length)+6, y+barHeight-2, "start", "#1f2328", "", Round(bar.Value)))
	}
	return b.String()
}

func label(x, y int, anchor, fill, style, text string) string {
	var escaped strings.Builder
	_ = xml.EscapeText(&escaped, []byte(text)) // a Builder never fails
	return fmt.Sprintf(`<text x="%d" y="%d" text-anchor="%s" fill="%s"%s>%s</text>`+"\n", x, y, anchor, fill, style, escaped.String())
}
