package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
	"go.yaml.in/yaml/v3"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// record is a record as it is shown. Times left and to live are in seconds.
type record struct {
	Key  string `json:"key"`
	Kind string `json:"kind,omitempty"` // instance; lease, without the registry's part; foreign

	State       string                   `json:"state,omitempty"`
	Instance    string                   `json:"instance,omitempty"`
	Host        string                   `json:"host,omitempty"`
	IP          string                   `json:"ip,omitempty"`
	PID         int                      `json:"pid,omitempty"`
	Token       store.Token              `json:"token,omitempty"`
	Left        *float64                 `json:"left,omitempty"` // absent without an expiry
	TTL         float64                  `json:"ttl,omitempty"`
	Registered  time.Time                `json:"registered,omitzero"`
	Changed     time.Time                `json:"changed,omitzero"`
	Heartbeat   time.Time                `json:"heartbeat,omitzero"`
	LastError   string                   `json:"last_error,omitempty"`
	LastErrorAt time.Time                `json:"last_error_at,omitzero"`
	Requests    bool                     `json:"requests,omitempty"`
	History     []fsm.Transition[string] `json:"history,omitempty"`
	Payload     json.RawMessage          `json:"payload,omitempty"` // a JSON value
	Value       string                   `json:"value,omitempty"`   // one that is no JSON
}

// raw is a payload that is left as it is.
type raw []byte

func (r *raw) UnmarshalJSON(text []byte) error {
	*r = bytes.Clone(text)
	return nil
}

// decoded is a record of the store as it is shown, with its payload if P is raw.
func decoded[P any](s store.Record) record {
	v := newRecord(registry.Decode[P](s))
	if v.Kind == "lease" {
		v.by(registry.Decode[runner](s).Payload)
	}
	return v
}

// runner is the value of a lease of run.
type runner struct {
	Command string    `json:"command"`
	Host    string    `json:"host"`
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
}

// by names the holder of a lease of run, since the registry did not make its record.
func (v *record) by(r runner) {
	if v.Kind == "lease" && r.Command != "" {
		v.Instance, v.Host, v.PID, v.Registered = r.Command, r.Host, r.PID, r.Since
	}
}

func newRecord[P any](r registry.Record[P]) record {
	v := record{
		Key: r.Key, Kind: "instance", State: r.State, Instance: r.Instance, Host: r.Host, PID: r.Process.ID, Token: r.Token, TTL: r.TTL.Seconds(),
		Registered: r.Registered, Changed: r.Changed, Heartbeat: r.Heartbeat.Truncate(time.Millisecond),
		LastError: r.LastError, LastErrorAt: r.LastErrorAt, Requests: r.Requests, History: r.History,
	}
	if r.IP.IsValid() {
		v.IP = r.IP.String()
	}
	if r.Left != store.Forever {
		v.Left = new(r.Left.Round(time.Millisecond).Seconds())
	}
	switch {
	case r.Foreign():
		v.Kind = "foreign"
	case !r.Published:
		v.Kind = "lease"
	}
	if text, is := any(r.Payload).(raw); is && r.Err == nil {
		v.Payload = payload(text)
	}
	return v
}

// payload returns a JSON value without the registry's part, or nil if nothing is left.
func payload(text []byte) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil || fields == nil {
		return text
	}
	delete(fields, "leasehold")
	if len(fields) == 0 {
		return nil
	}
	rest, err := json.Marshal(fields)
	if err != nil {
		return text
	}
	return rest
}

// withValue adds the value to a record if the value is no JSON.
func (v record) withValue(value []byte) record {
	if v.Payload == nil && v.Kind != "instance" {
		v.Value = strings.ToValidUTF8(string(value[:min(len(value), 4096)]), "\uFFFD")
	}
	return v
}

// write writes one value as JSON or YAML.
func (p *program) write(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if p.format == "yaml" {
		if text, err = yaml.Marshal(yamlOf(text, maxLevels)); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.out, "---\n%s", safeYAML(text))
		return err
	}
	_, err = fmt.Fprintf(p.out, "%s\n", safeJSON(text))
	return err
}

// maxLevels is how deep objects and arrays are written on lines of their own: each level is indented
// further, and a payload of a few kilobytes can have thousands.
const maxLevels = 32

// yamlOf is a JSON value as YAML, in its order. A value below so many levels becomes a string of
// JSON. A string with characters that a terminal may obey is in double quotes; see safeYAML.
func yamlOf(text json.RawMessage, levels int) *yaml.Node {
	scalar := func(tag, value string) *yaml.Node {
		n := &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
		if tag == "!!str" && strings.ContainsFunc(value, func(r rune) bool { return r != '\n' && !printable(r) }) {
			n.Style = yaml.DoubleQuotedStyle
		}
		return n
	}
	text = bytes.TrimSpace(text)
	var s string
	switch {
	case (text[0] == '{' || text[0] == '[') && levels == 0:
		return scalar("!!str", string(text))
	case text[0] == '{' || text[0] == '[':
		n := &yaml.Node{Kind: yaml.MappingNode}
		if text[0] == '[' {
			n.Kind = yaml.SequenceNode
		}
		d := json.NewDecoder(bytes.NewReader(text))
		for _, err := d.Token(); err == nil && d.More(); {
			if n.Kind == yaml.MappingNode {
				name, _ := d.Token()
				n.Content = append(n.Content, scalar("!!str", fmt.Sprint(name)))
			}
			var inner json.RawMessage
			if err = d.Decode(&inner); err == nil {
				n.Content = append(n.Content, yamlOf(inner, levels-1))
			}
		}
		return n
	case json.Unmarshal(text, &s) == nil && text[0] == '"':
		return scalar("!!str", s)
	case text[0] == 'n':
		return scalar("!!null", string(text))
	case text[0] == 't' || text[0] == 'f':
		return scalar("!!bool", string(text))
	case bytes.ContainsAny(text, ".eE"):
		return scalar("!!float", string(text))
	}
	return scalar("!!int", string(text))
}

// safeYAML escapes the same characters as safeJSON. They occur only in strings in double quotes.
func safeYAML(text []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r == '\n' || printable(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// indented is a JSON value on several lines, each after the first behind a prefix, or on one line if
// it is too deep for that.
func indented(text []byte, prefix string) string {
	var b bytes.Buffer
	depth, most, inString, escaped := 0, 0, false, false
	for _, c := range text {
		switch {
		case escaped:
			escaped = false
		case inString:
			escaped, inString = c == '\\', c != '"'
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			depth++
			most = max(most, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	if most > maxLevels || json.Indent(&b, text, prefix, "  ") != nil {
		return string(text)
	}
	return b.String()
}

// safeJSON escapes the characters that JSON lets through and a terminal may obey. They occur in
// strings alone.
func safeJSON(text []byte) []byte {
	if !bytes.ContainsFunc(text, func(r rune) bool { return !printable(r) }) {
		return text
	}
	var b bytes.Buffer
	for _, r := range string(text) {
		switch {
		case printable(r):
			b.WriteRune(r)
		case r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// isASCII reports whether text is ASCII without control characters, as most texts are.
func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// columns is how wide text is in a terminal.
func columns(text string) int {
	if isASCII(text) {
		return len(text)
	}
	return runewidth.StringWidth(text)
}

// cut shortens text to a width.
func cut(text string, width int) string {
	if isASCII(text) && len(text) <= width {
		return text
	}
	return runewidth.Truncate(text, width, "…")
}

func printable(r rune) bool { return r == ' ' || unicode.IsPrint(r) && r != utf8.RuneError }

// oneLine makes text harmless, and one line.
func oneLine(text string) string {
	if isASCII(text) {
		return text
	}
	return strings.ReplaceAll(plain(text), "\n", `\n`)
}

// table lines up columns. Cells are shown harmless and in one line; the last column is cut at the
// width of the terminal, and if that does not suffice, so are the others.
type table struct {
	rows [][]cell // the first is the header
}

type cell struct {
	text  string
	style style
}

func newTable(header ...string) *table {
	t := new(table)
	t.addText(header...)
	for i := range t.rows[0] {
		t.rows[0][i].style = bold
	}
	return t
}

// addText adds a row without styles.
func (t *table) addText(texts ...string) {
	cells := make([]cell, len(texts))
	for i, text := range texts {
		cells[i].text = text
	}
	t.add(cells...)
}

func (t *table) add(cells ...cell) {
	for i := range cells {
		cells[i].text = oneLine(cells[i].text)
	}
	t.rows = append(t.rows, cells)
}

// print writes the table. A width of 0 is no limit.
func (t *table) print(out io.Writer, width int, colored bool) error {
	w := bufio.NewWriter(out)
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], min(columns(cell.text), 200))
		}
	}
	const gap = 2
	if width > 0 {
		left := width - gap*(len(widths)-1)
		for i := range widths { // each has its share of what those before have left
			share := max(left/(len(widths)-i), 4)
			if rest := len(widths) - i - 1; rest > 0 {
				need := 0
				for _, n := range widths[i+1:] {
					need += min(n, 10)
				}
				share = max(share, left-need)
			}
			widths[i] = min(widths[i], share)
			left -= widths[i]
		}
	}
	for _, row := range t.rows {
		var plain, painted strings.Builder
		end := len(row) // of the cells that are not empty
		for end > 1 && row[end-1].text == "" {
			end--
		}
		for i, cell := range row[:end] {
			text, fill := cut(cell.text, widths[i]), ""
			if i < end-1 {
				fill = strings.Repeat(" ", widths[i]+gap-columns(text))
			}
			plain.WriteString(text + fill)
			painted.WriteString(cell.style.of(text) + fill)
		}
		switch line := plain.String(); {
		case width > 0 && columns(line) > width:
			fmt.Fprintln(w, strings.TrimRight(cut(line, width), " "))
		case colored:
			fmt.Fprintln(w, painted.String())
		default:
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
	return w.Flush()
}

// records is a table of records that were read just now.
func records(all []record) *table {
	t := newTable("KEY", "STATE", "INSTANCE", "HOST", "HEARTBEAT", "LEFT", "TOKEN", "LAST ERROR")
	for _, r := range all {
		state, left, token := r.State, "for ever", ""
		if r.Kind != "instance" {
			state = "(" + r.Kind + ")"
		}
		if r.Left != nil {
			left = seconds(*r.Left)
		}
		if r.Token != 0 {
			token = fmt.Sprint(r.Token)
		}
		health := r.health()
		t.add(cell{r.Key, noStyle}, cell{state, health}, cell{r.Instance, noStyle}, cell{r.Host, noStyle},
			cell{ago(r.Heartbeat), noStyle}, cell{left, health}, cell{token, noStyle}, cell{r.LastError, red})
	}
	return t
}

func seconds(s float64) string {
	return (time.Duration(s * float64(time.Second))).Round(time.Second).String()
}

// ago says how long ago a time was, in days and hours from the second day on.
func ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	d := max(time.Since(t), 0).Round(time.Second)
	if days := d / (24 * time.Hour); days >= 2 {
		return fmt.Sprintf("%dd%dh ago", days, d%(24*time.Hour)/time.Hour)
	}
	return d.String() + " ago"
}
