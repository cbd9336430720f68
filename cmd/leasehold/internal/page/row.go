package page

import (
	"container/list"
	"encoding/json"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

// row is an instance as the overview shows it. Durations are in milliseconds.
type row struct {
	Key         string `json:"key"`
	Kind        string `json:"kind"` // instance; lease, without the registry's part; foreign
	Name        string `json:"name"`
	State       string `json:"state,omitempty"`
	Token       string `json:"token,omitempty"` // digits, since it can exceed the integers of JavaScript
	Host        string `json:"host,omitempty"`
	IP          string `json:"ip,omitempty"`
	PID         int    `json:"pid,omitempty"`
	Since       moment `json:"since,omitzero"`   // of the state
	Started     moment `json:"started,omitzero"` // registered at
	LastError   string `json:"lastError,omitempty"`
	LastErrorAt moment `json:"lastErrorAt,omitzero"`
	TTL         int64  `json:"ttl,omitempty"`
	Requests    bool   `json:"requests,omitempty"`
	Gone        *gone  `json:"gone,omitempty"`

	Fields map[string]string `json:"fields,omitempty"`
	Rest   string            `json:"rest,omitempty"` // another one for another payload with the same fields
}

// gone is the end of a record, by the clock of the server.
type gone struct {
	At  moment `json:"at"`
	Why string `json:"why"` // one of the reasons below
}

// The reasons of an end.
const (
	whyLeft    = "left"    // in order, as its log says
	whyExpired = "expired" // its holder died, or was cut off from the store
	whyDeleted = "deleted" // by force, or in order but without a log
	whyLost    = "lost"    // not in order: it died, was cut off, or was released by force
	whyUnknown = "unknown"
)

// moment is a time in UTC with milliseconds in JSON.
type moment struct{ time.Time }

func (m moment) MarshalJSON() ([]byte, error) {
	return m.UTC().AppendFormat(nil, `"2006-01-02T15:04:05.000Z"`), nil
}

// fields are what a row shows of a payload, a JSON object: the scalars as texts, numbers as they are
// written, with long texts cut. There are none of another value.
type fields struct {
	shown map[string]string
	rest  string // a hash of what is not shown
}

const (
	maxFields    = 16
	maxFieldText = 128 // bytes
)

var restSeed = maphash.MakeSeed()

func (f *fields) UnmarshalJSON(text []byte) error {
	var all map[string]json.RawMessage
	*f = fields{}
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	delete(all, "leasehold") // the registry's part
	var rest maphash.Hash
	rest.SetSeed(restSeed)
	left := false
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, scalar := scalarOf(all[name])
		if scalar && len(f.shown) < maxFields {
			if f.shown == nil {
				f.shown = make(map[string]string)
			}
			f.shown[cut(name, maxFieldText)] = cut(value, maxFieldText)
			if len(value) <= maxFieldText {
				continue
			}
		}
		left = true
		rest.WriteString(name)
		rest.Write(all[name])
	}
	if left {
		f.rest = strconv.FormatUint(rest.Sum64(), 36)
	}
	return nil
}

// scalarOf returns a text, number or truth value in JSON as a text.
func scalarOf(value json.RawMessage) (text string, ok bool) {
	switch value[0] {
	case '{', '[', 'n':
		return "", false
	case '"':
		return text, json.Unmarshal(value, &text) == nil
	}
	return string(value), true
}

// cut returns the first bytes of a text, with "…" if there are more.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func newRow(r registry.Record[fields]) row {
	v := row{
		Key: r.Key, Kind: "instance", Name: cut(r.Instance, maxText), State: cut(r.State, maxText), Host: cut(r.Host, maxText), PID: r.Process.ID,
		Since: moment{r.Changed}, Started: moment{r.Registered}, LastError: cut(r.LastError, maxText), LastErrorAt: moment{r.LastErrorAt},
		TTL: r.TTL.Milliseconds(), Requests: r.Requests, Fields: r.Payload.shown, Rest: r.Payload.rest,
	}
	if r.IP.IsValid() {
		v.IP = r.IP.String()
	}
	if r.Token != 0 {
		v.Token = digits(r.Token)
	}
	switch {
	case r.Foreign():
		v.Kind, v.Name = "foreign", r.Key
	case !r.Published:
		v.Kind, v.Name = "lease", r.Key
	}
	return v
}

const maxText = 1 << 10 // bytes of a text in a row or an item

func digits(t store.Token) string { return strconv.FormatUint(uint64(t), 10) }

// item is an activity of an instance.
type item struct {
	At     moment `json:"at"`   // by the clock of the instance; of its end, by the server's
	Seen   moment `json:"seen"` // by the clock of the server
	Key    string `json:"key"`
	Name   string `json:"name"`
	Kind   string `json:"kind"` // registered, transition, error, gone
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	Event  string `json:"event,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Forced bool   `json:"forced,omitempty"`
	Error  string `json:"error,omitempty"`
	Why    string `json:"why,omitempty"`
}

// known is a row of the board with its JSON.
type known struct {
	text    []byte // the row in JSON
	row     row    // without fields
	number  uint64 // of the last transition
	changed bool   // since the last batch

	end *list.Element // of board.ended, if the row is gone
}

// activities returns the items between the known row of an instance, if there is one, and its
// record. It finds transitions in the history of the record, which has ten.
func activities(before *known, r registry.Record[fields], now row, seen moment) []item {
	var all []item
	add := func(at moment, kind string, i item) {
		i.At, i.Seen, i.Key, i.Name, i.Kind = at, seen, now.Key, now.Name, kind
		all = append(all, i)
	}
	number := uint64(0)
	if before == nil || before.row.Gone != nil || before.row.Token != now.Token {
		before = nil
		at := now.Started
		if at.IsZero() { // not the registry's
			at = seen
		}
		add(at, "registered", item{})
	} else {
		number = before.number
	}
	for _, t := range r.History {
		if t.Number > number {
			add(moment{t.At}, "transition", item{From: cut(t.From, maxText), To: cut(t.To, maxText), Event: cut(t.Event, maxText), Cause: cut(t.Cause, maxText), Forced: t.Forced})
		}
	}
	if len(r.History) == 0 && before != nil && before.row.State != now.State { // a machine without a history
		add(now.Since, "transition", item{From: before.row.State, To: now.State})
	}
	if now.LastError != "" && (before == nil || !before.row.LastErrorAt.Equal(now.LastErrorAt.Time)) {
		add(now.LastErrorAt, "error", item{Error: now.LastError})
	}
	return all
}

// lastNumber is the number of the last transition of a history.
func lastNumber(history []fsm.Transition[string]) uint64 {
	if len(history) == 0 {
		return 0
	}
	return history[len(history)-1].Number
}
