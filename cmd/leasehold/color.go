package main

import "os"

// style is a sequence that a terminal shows as a colour or weight.
type style string

const (
	noStyle style = ""
	bold    style = "\x1b[1m"
	red     style = "\x1b[31m"
	green   style = "\x1b[32m"
	yellow  style = "\x1b[33m"
	magenta style = "\x1b[35m"
	cyan    style = "\x1b[36m"
)

// of shows text in the style. The text must be harmless already.
func (s style) of(text string) string {
	if s == noStyle || text == "" {
		return text
	}
	return string(s) + text + "\x1b[0m"
}

// colored reports whether output is to have colours, by --color, NO_COLOR (https://no-color.org) and
// the terminal.
func (p *program) colored() bool {
	switch p.color {
	case "always":
		return true
	case "never":
		return false
	}
	_, _, is := terminal(p.out)
	return is && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// paint shows text in a style if output has colours.
func (p *program) paint(s style, text string) string {
	if !p.colored() {
		return text
	}
	return s.of(text)
}

// health is the style of a record: of another program, without a heartbeat for about two intervals,
// about to expire, or well.
func (v record) health() style {
	switch {
	case v.Kind == "foreign":
		return magenta
	case v.Left == nil || v.TTL == 0:
		return noStyle
	case *v.Left < v.TTL/6:
		return red
	case *v.Left < v.TTL/2:
		return yellow
	}
	return green
}

// style is that of the kind of an entry.
func (e entry) style() style {
	switch e.Kind {
	case "error", "lost":
		return red
	case "left":
		return yellow
	case "registered":
		return green
	case "request":
		return cyan
	}
	return noStyle
}
