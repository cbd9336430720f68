package drawings_test

import (
	"encoding/xml"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

// group is an element g of the SVG that dot writes: the graph, or a node, cluster or edge of
// it.
type group struct {
	Class string   `xml:"class,attr"`
	Title string   `xml:"title"`
	Text  []string `xml:"text"`
	Path  []struct {
		D    string `xml:"d,attr"`
		Fill string `xml:"fill,attr"`
	} `xml:"path"`
	Groups []group `xml:"g"`
}

// area is a rectangle: left, top, right, bottom.
type area [4]float64

func (a area) contains(b area) bool { return a[0] < b[0] && a[1] < b[1] && a[2] > b[2] && a[3] > b[3] }

// area returns the bounds of the outline of a node or cluster.
func (g group) area() area {
	a := area{1e9, 1e9, -1e9, -1e9}
	for _, point := range regexp.MustCompile(`(-?[\d.]+),(-?[\d.]+)`).FindAllStringSubmatch(g.Path[len(g.Path)-1].D, -1) {
		x, _ := strconv.ParseFloat(point[1], 64)
		y, _ := strconv.ParseFloat(point[2], 64)
		a = area{min(a[0], x), min(a[1], y), max(a[2], x), max(a[3], y)}
	}
	return a
}

// lines returns the text of a group as a reader sees it: SVG joins spaces and drops them at
// the ends.
func (g group) lines() []string {
	var lines []string
	for _, text := range g.Text {
		words := strings.FieldsFunc(text, func(r rune) bool { return r < '!' })
		lines = append(lines, strings.ReplaceAll(strings.Join(words, " "), "\u00a0", " "))
	}
	return lines
}

// dotPicture renders a drawing of DOT.
func dotPicture(text string) (picture, error) {
	dot := exec.Command("dot", "-Tsvg")
	dot.Stdin = strings.NewReader(text)
	var said strings.Builder
	dot.Stderr = &said
	out, err := dot.Output()
	if err != nil || said.Len() > 0 {
		return picture{}, fmt.Errorf("the Debian package graphviz: dot: %v %s", err, said.String())
	}
	var svg struct {
		Graph group `xml:"g"`
	}
	if err := xml.Unmarshal(out, &svg); err != nil {
		return picture{}, err
	}

	p := picture{Boxes: map[string]box{}}
	areas := make(map[string]area)
	clusters := make(map[string]area)
	for _, g := range svg.Graph.Groups {
		name := strings.NewReplacer("cluster", "s", "initial", "s").Replace(g.Title)
		switch {
		case g.Class == "cluster":
			p.Boxes[name] = box{Text: g.lines()}
			areas[name], clusters[name] = g.area(), g.area()
		case g.Class == "node" && name == g.Title: // no starting point
			p.Boxes[name] = box{Text: g.lines(), Final: len(g.Path) == 2, Current: g.Path[0].Fill == "#ffd54f"}
			areas[name] = g.area()
		case g.Class == "edge":
			from, to, _ := strings.Cut(name, "->")
			if from == "s" {
				from = "start"
			}
			p.Arrows = append(p.Arrows, arrow{From: from, To: to, Text: g.lines()})
		}
	}
	for name, b := range p.Boxes {
		for around, a := range clusters {
			if a.contains(areas[name]) && (b.In == "" || clusters[b.In].contains(a)) {
				b.In = around
			}
		}
		p.Boxes[name] = b
	}
	return p, nil
}
