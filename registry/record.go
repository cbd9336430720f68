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
)

// field is the one that the registry appends to the user's payload.
const field = "leasehold"

// ErrPayload is the condition of a payload that cannot be published: it does not
// marshal to a JSON object, or has a field of its own named "leasehold".
var ErrPayload = errors.New("payload")

// own is what the registry itself needs of a record. The token is not in it: that
// is the record's.
type own struct {
	Instance   string                   `json:"instance"`
	Host       string                   `json:"host,omitempty"`
	IP         netip.Addr               `json:"ip,omitzero"`
	Registered time.Time                `json:"since"`
	Process    Process                  `json:"process,omitzero"`
	TTL        int64                    `json:"ttl"` // milliseconds
	State      string                   `json:"state"`
	Changed    time.Time                `json:"changed"`
	History    []fsm.Transition[string] `json:"history,omitempty"`
}

func newOwn[S comparable](s Status[S], ttl time.Duration) own {
	o := own{
		Instance:   s.Instance,
		Host:       s.Host,
		IP:         s.IP,
		Registered: s.Registered,
		Process:    s.Process,
		TTL:        ttl.Milliseconds(),
		State:      fmt.Sprint(s.State),
		Changed:    s.Changed,
	}
	for _, t := range s.History {
		o.History = append(o.History, fsm.Transition[string]{
			Number: t.Number, From: fmt.Sprint(t.From), To: fmt.Sprint(t.To),
			Event: t.Event, At: t.At, Cause: t.Cause, Forced: t.Forced,
		})
	}
	return o
}

// encode makes a record's value.
func encode(payload any, o own) ([]byte, error) {
	object, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPayload, err)
	}
	body, isObject := bytes.CutSuffix(object, []byte("}"))
	if !isObject || body[0] != '{' {
		return nil, fmt.Errorf("%w: %T marshals to %.40s, which is not a JSON object", ErrPayload, payload, object)
	}
	appendix, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	if len(body) > len("{") {
		body = append(body, ',')
	}
	return fmt.Appendf(body, "%q:%s}", field, appendix), nil
}

// checkPayload refuses a payload whose own fields would collide with ours, in any
// letter case, since encoding/json reads them alike.
func checkPayload(payload any) error {
	object, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPayload, err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil || fields == nil {
		return fmt.Errorf("%w: %T marshals to %.40s, which is not a JSON object", ErrPayload, payload, object)
	}
	for name := range fields {
		if strings.EqualFold(name, field) {
			return fmt.Errorf("%w: %T has a field %q of its own", ErrPayload, payload, name)
		}
	}
	return nil
}

// decodeOwn reads our part of a value, if there is one.
func decodeOwn(value []byte) (own, bool) {
	var v struct {
		Own *own `json:"leasehold"`
	}
	if err := json.Unmarshal(value, &v); err != nil || v.Own == nil {
		return own{}, false
	}
	return *v.Own, true
}

func (o own) identity() Identity {
	return Identity{Instance: o.Instance, Host: o.Host, IP: o.IP, Process: o.Process, Registered: o.Registered}
}
