package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// Record is a decoded record. If the registry did not write it (a foreign value, or the value of
// a bare lease), Payload is decoded as far as possible, and the registry's fields are zero.
type Record[P any] struct {
	Identity
	Key     string
	Token   store.Token   // zero for a foreign value
	Left    time.Duration // from the store's answer until the record expires, unless it is renewed; does not count down
	Payload P

	State     string
	Changed   time.Time
	Heartbeat time.Time                // of the last renew, by the reader's clock
	History   []fsm.Transition[string] // at most 10, oldest first

	LastError   string // as in [Status], cut at 1 KiB
	LastErrorAt time.Time
	TTL         time.Duration // of the record after a renew

	// Requests reports whether the instance takes requests.
	Requests bool
	// Definition is the id of the published definition of the machine; empty without one. See
	// [ReadDefinition].
	Definition string

	// Published reports whether the value has the registry's part.
	Published bool
	// Err is the error of decoding Payload, or nil.
	Err error
}

// Foreign reports whether the record has a foreign value.
func (r Record[P]) Foreign() bool { return r.Token == 0 }

// Decode decodes a record that was read from a store. If the payload cannot be decoded, Err says why.
func Decode[P any](s store.Record) Record[P] {
	r := Record[P]{Key: s.Key, Token: s.Token, Left: s.Left}
	p, ok := decodePart(s.Value)
	if _, none := any(r.Payload).(struct{}); !none || !ok { // an object always fits into a struct{}
		if err := json.Unmarshal(s.Value, &r.Payload); err != nil {
			r.Err = fmt.Errorf("payload of %q: %w", s.Key, err)
		}
	}
	if !ok {
		return r
	}
	r.Published = true
	r.Identity, r.State, r.Changed, r.History, r.Requests = p.identity(), p.State, p.Changed, p.History, p.Requests
	r.Definition = p.Definition
	r.LastError, r.LastErrorAt, r.TTL = p.Error, p.ErrorAt, time.Duration(p.TTL)*time.Millisecond
	if s.Left <= r.TTL {
		r.Heartbeat = time.Now().Add(s.Left - r.TTL).UTC()
	}
	return r
}

// field is the name of the registry's part in the JSON object.
const field = "leasehold"

// ErrBadPayload is the condition of a payload that does not marshal to a JSON object, or to one
// with a field named "leasehold" in any letter case.
var ErrBadPayload = errors.New("payload")

// part is the registry's part of a value. The token is that of the record.
type part struct {
	publishedIdentity
	TTL        int64                    `json:"ttl"` // milliseconds
	State      string                   `json:"state"`
	Changed    time.Time                `json:"changed"`
	History    []fsm.Transition[string] `json:"history,omitempty"`
	Error      string                   `json:"error,omitempty"`
	ErrorAt    time.Time                `json:"error_at,omitzero"`
	Requests   bool                     `json:"requests,omitempty"` // whether the instance takes any
	Definition string                   `json:"definition,omitempty"`
}

const maxPublishedError = 1 << 10 // bytes

// publishedIdentity is an identity in a value, and in an entry of the activity log.
type publishedIdentity struct {
	Instance   string     `json:"instance"`
	Host       string     `json:"host,omitempty"`
	IP         netip.Addr `json:"ip,omitzero"`
	Registered time.Time  `json:"since"`
	Process    Process    `json:"process,omitzero"`
}

func publish(i Identity) publishedIdentity {
	return publishedIdentity{Instance: i.Instance, Host: i.Host, IP: i.IP, Registered: i.Registered, Process: i.Process}
}

func (p publishedIdentity) identity() Identity {
	return Identity{Instance: p.Instance, Host: p.Host, IP: p.IP, Process: p.Process, Registered: p.Registered}
}

// decodePart returns the registry's part of a value, if there is one.
func decodePart(value []byte) (part, bool) {
	var v struct {
		Part *part `json:"leasehold"`
	}
	if err := json.Unmarshal(value, &v); err != nil || v.Part == nil {
		return part{}, false
	}
	return *v.Part, true
}

// encode returns the value for the contents: the payload after Fill, with the registry's part
// appended.
func (i *Instance[S, P]) encode(c contents[S, P]) ([]byte, error) {
	// The payload must be an object without a field of the registry's name, in any letter case,
	// because encoding/json ignores the case.
	if i.cfg.Fill != nil {
		i.cfg.Fill(&c.payload, c.status.clone())
	}
	object, err := json.Marshal(c.payload)
	if err != nil {
		return nil, fmt.Errorf("%w of %q: %w", ErrBadPayload, i.cfg.Key, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("%w of %q: %T marshals to %.40s, which is not a JSON object", ErrBadPayload, i.cfg.Key, any(c.payload), object)
	}
	for name := range fields {
		if strings.EqualFold(name, field) {
			return nil, fmt.Errorf("%w of %q: %T has a field %q, which the registry needs for itself: rename it", ErrBadPayload, i.cfg.Key, any(c.payload), name)
		}
	}

	s := c.status
	p := part{
		publishedIdentity: publish(s.Identity),

		TTL:        (i.ttl + time.Millisecond - 1).Milliseconds(), // rounded up: no record has more time left
		State:      fmt.Sprint(s.State),
		Changed:    s.Changed,
		Error:      s.LastError,
		ErrorAt:    s.LastErrorAt,
		Requests:   i.cfg.Requests != nil,
		Definition: i.publisher.id(),
	}
	if len(p.Error) > maxPublishedError {
		p.Error = strings.ToValidUTF8(p.Error[:maxPublishedError], "") + "…"
	}
	for _, t := range s.History {
		p.History = append(p.History, publishedTransition(t))
	}
	appended, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("registry's part of %q: %w", i.cfg.Key, err)
	}
	body := bytes.TrimSuffix(object, []byte("}"))
	if len(body) > len("{") {
		body = append(body, ',')
	}
	return fmt.Appendf(body, "%q:%s}", field, appended), nil
}

// publishedTransition is a transition with the texts of its states.
func publishedTransition[S comparable](t fsm.Transition[S]) fsm.Transition[string] {
	return fsm.Transition[string]{
		Number: t.Number, From: fmt.Sprint(t.From), To: fmt.Sprint(t.To),
		Event: t.Event, At: t.At, Cause: t.Cause, Forced: t.Forced, Start: t.Start,
	}
}
