package page

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/registry"
	"github.com/leasehold-go/leasehold/store"
)

const (
	maxPayload = 256 << 10 // bytes of a payload that is shown as a tree
	maxShown   = 4 << 10   // bytes of another value
)

// instance is one instance as its view shows it.
type instance struct {
	Row       row             `json:"row"`
	Left      int64           `json:"left"` // as in an age
	Size      int             `json:"size"` // bytes of the value
	Payload   json.RawMessage `json:"payload,omitempty"`
	Text      string          `json:"text,omitempty"` // of a value that is no JSON, or too large
	History   []transition    `json:"history"`
	Permitted *permitted      `json:"permitted,omitempty"` // nil if the definition is not known

	Definition string `json:"definition,omitempty"` // the id of the published one
}

type transition struct {
	Number uint64 `json:"number"`
	From   string `json:"from"`
	To     string `json:"to"`
	Event  string `json:"event,omitempty"`
	At     moment `json:"at"`
	Cause  string `json:"cause,omitempty"`
	Forced bool   `json:"forced,omitempty"`
	Start  bool   `json:"start,omitempty"`
}

func newTransition(t fsm.Transition[string]) transition {
	return transition{t.Number, t.From, t.To, t.Event, moment{t.At}, t.Cause, t.Forced, t.Start}
}

// getInstance reads one instance.
func (p *Page) getInstance(ctx context.Context, r *http.Request) (any, error) {
	key := r.URL.Query().Get("key")
	if err := p.mayRead(key); err != nil {
		return nil, err
	}
	s, err := p.cfg.Store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	record := registry.Decode[fields](s)
	v := instance{Row: newRow(record), Left: -1, Size: len(s.Value), History: []transition{}}
	if s.Left != store.Forever {
		v.Left = s.Left.Milliseconds()
	}
	for _, t := range record.History {
		v.History = append(v.History, newTransition(t))
	}
	v.Payload, v.Text = payload(s.Value)
	if d, err := p.definitions.of(ctx, record); err == nil {
		v.Definition, v.Permitted = record.Definition, permittedIn(d, record.State)
	}
	return v, nil
}

// payload returns a value without the registry's part: as JSON, or as text.
func payload(value []byte) (json.RawMessage, string) {
	rest := value
	var members map[string]json.RawMessage
	if json.Unmarshal(value, &members) == nil && members != nil {
		delete(members, "leasehold")
		if len(members) == 0 {
			return nil, ""
		}
		rest = encode(members)
	}
	if len(rest) <= maxPayload && json.Valid(rest) {
		return rest, ""
	}
	return nil, strings.ToValidUTF8(string(rest[:min(len(rest), maxShown)]), "\uFFFD")
}
