package store

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"time"
)

// Token is a fencing token. It grows with every successful create of a key.
// Zero is no token.
type Token uint64

// Nonce is 128 random bits that name one attempt to create, so that the store
// recognises the attempt when it arrives again.
type Nonce [16]byte

// NewNonce returns a fresh nonce from the system's random source.
func NewNonce() Nonce {
	var n Nonce
	rand.Read(n[:]) // never fails; see crypto/rand
	return n
}

// String returns the nonce as 32 hexadecimal digits.
func (n Nonce) String() string { return hex.EncodeToString(n[:]) }

// Forever is the time left of a value that does not expire. Only a foreign
// record can have it.
const Forever time.Duration = math.MaxInt64

// Record is what the store held under a key when it was asked.
type Record struct {
	Key   string
	Value []byte        // nil where a foreign value cannot be read as bytes
	Token Token         // zero where another program put the value
	Left  time.Duration // time left to live when the store answered; positive, or [Forever]
}

// Foreign reports whether another program put the value there. Readers may look
// at it; no verb of a store writes over it.
func (r Record) Foreign() bool { return r.Token == 0 }

// EventKind says what an [Event] is about.
type EventKind uint8

const (
	// EventPut is a record as it now is: new, or with a new value.
	EventPut EventKind = iota + 1
	// EventGone is the end of a record. Its Record has key and token only.
	EventGone
	// EventSynced is the mark after a full account of the records.
	EventSynced
	// EventResync says that changes may have been missed. What differs from the
	// events before it follows, then EventSynced.
	EventResync
)

// String returns the kind in lower case.
func (k EventKind) String() string {
	names := [...]string{EventPut: "put", EventGone: "gone", EventSynced: "synced", EventResync: "resync"}
	if k < EventPut || k > EventResync {
		return "invalid"
	}
	return names[k]
}

// Cause says why a record is gone, where the backend knows.
type Cause uint8

const (
	CauseUnknown Cause = iota // the backend cannot tell
	CauseDeleted              // released by its holder, or taken away
	CauseExpired              // its time to live passed without a renew
)

// String returns the cause in lower case.
func (c Cause) String() string {
	names := [...]string{CauseUnknown: "unknown", CauseDeleted: "deleted", CauseExpired: "expired"}
	if c > CauseExpired {
		return "invalid"
	}
	return names[c]
}

// Event is one item of a watch.
type Event struct {
	Kind   EventKind
	Record Record // of an EventPut and an EventGone
	Cause  Cause  // of an EventGone
}
