package registry

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// Entry is a record as a reader sees it. Nothing needs to be held to read.
//
// A record that was not published by this package (a predecessor's, or that of a
// bare lease) is an entry too: its payload is read as far as it goes, and what only
// the registry could tell is zero.
type Entry[P any] struct {
	Identity
	Key     string
	Token   store.Token   // zero for a record of another program
	Left    time.Duration // until the record is gone, unless it is renewed
	Payload P

	State     string
	Changed   time.Time
	Heartbeat time.Time                // of the last renew, by this machine's clock
	History   []fsm.Transition[string] // the most recent ones, oldest first

	// Registered by this package or not.
	Published bool
	// Err is why Payload could not be read, if it could not.
	Err error
}

// Foreign reports whether another program put the record there.
func (e Entry[P]) Foreign() bool { return e.Token == 0 }

// newEntry decodes a record. It never fails: what cannot be read is left out.
func newEntry[P any](r store.Record) Entry[P] {
	e := Entry[P]{Key: r.Key, Token: r.Token, Left: r.Left}
	if err := json.Unmarshal(r.Value, &e.Payload); err != nil {
		e.Err = fmt.Errorf("payload of %q: %w", r.Key, err)
	}
	o, ok := decodeOwn(r.Value)
	if !ok {
		return e
	}
	e.Published = true
	e.Identity, e.State, e.Changed, e.History = o.identity(), o.State, o.Changed, o.History
	if ttl := time.Duration(o.TTL) * time.Millisecond; r.Left <= ttl {
		e.Heartbeat = time.Now().Add(r.Left - ttl).UTC()
	}
	return e
}
