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

// Record is a stored record as its readers see it. Reading needs no lease.
//
// A record that this package did not publish (a predecessor's, or that of a bare
// lease) is read as well: its payload as far as it can be decoded. The fields that
// only the registry writes are zero then.
type Record[P any] struct {
	Identity
	Key     string
	Token   store.Token   // zero for a record of another program
	Left    time.Duration // until the record is gone, unless it is renewed
	Payload P

	State     string
	Changed   time.Time
	Heartbeat time.Time                // of the last renew, by this machine's clock
	History   []fsm.Transition[string] // the most recent ones, oldest first

	// Published reports whether this package wrote the record.
	Published bool
	// Err is why Payload could not be decoded; nil if it could.
	Err error
}

// Foreign reports whether another program put the record there.
func (r Record[P]) Foreign() bool { return r.Token == 0 }

// newRecord decodes a record of the store. It never fails: a payload that cannot be
// decoded leaves its error in Err.
func newRecord[P any](s store.Record) Record[P] {
	r := Record[P]{Key: s.Key, Token: s.Token, Left: s.Left}
	if err := json.Unmarshal(s.Value, &r.Payload); err != nil {
		r.Err = fmt.Errorf("payload of %q: %w", s.Key, err)
	}
	o, ok := decodeOwn(s.Value)
	if !ok {
		return r
	}
	r.Published = true
	r.Identity, r.State, r.Changed, r.History = o.identity(), o.State, o.Changed, o.History
	if ttl := time.Duration(o.TTL) * time.Millisecond; s.Left <= ttl {
		r.Heartbeat = time.Now().Add(s.Left - ttl).UTC()
	}
	return r
}

// field is the one that the registry appends to the user's payload.
const field = "leasehold"

// ErrBadPayload is the condition of a payload that cannot be published: it does not
// marshal to a JSON object, or has a field of its own named "leasehold".
var ErrBadPayload = errors.New("payload")

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
		TTL:        (ttl + time.Millisecond - 1).Milliseconds(), // no time left exceeds it
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
	if err == nil {
		err = checkObject(payload, object)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBadPayload, err)
	}
	appendix, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	body := bytes.TrimSuffix(object, []byte("}"))
	if len(body) > len("{") {
		body = append(body, ',')
	}
	return fmt.Appendf(body, "%q:%s}", field, appendix), nil
}

// checkObject refuses what payload marshals to if our field cannot be appended: the
// payload's own would collide with it in any letter case, since encoding/json reads
// them alike.
func checkObject(payload any, object []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil || fields == nil {
		return fmt.Errorf("%T marshals to %.40s, which is not a JSON object", payload, object)
	}
	for name := range fields {
		if strings.EqualFold(name, field) {
			return fmt.Errorf("%T has a field %q of its own", payload, name)
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
