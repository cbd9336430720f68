package store

import (
	"crypto/rand"
	"encoding/hex"
	"math"
	"time"
)

// Token is a fencing token. It grows with every successful create of a key; zero is no
// token.
type Token uint64

// Nonce is 128 random bits that identify one create attempt, so that the store recognises
// a repeat of it.
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

// Record is the value under a key with its token and time left, as the store read them.
type Record struct {
	Key   string
	Value []byte        // nil if a foreign value cannot be read as bytes, or is too long to be sent
	Token Token         // zero for a foreign value
	Left  time.Duration // time left to live when the store answered; positive, or [Forever]
}

// Foreign reports whether another program put the value there. Callers may read it; no
// verb of a store overwrites it.
func (r Record) Foreign() bool { return r.Token == 0 }

// EventKind is the kind of an [Event].
type EventKind uint8

const (
	// EventPut reports a record that is new or has a new value.
	EventPut EventKind = iota + 1
	// EventGone reports the end of a record. Its Record has only key and token.
	EventGone
	// EventSynced follows the records of a complete list.
	EventSynced
	// EventResync reports that changes may have been missed. The differences from the
	// earlier events follow, then EventSynced.
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

// Cause is the reason for the end of a record, as far as the backend knows it.
type Cause uint8

const (
	CauseUnknown Cause = iota // the backend cannot tell
	CauseDeleted              // by its holder or by another caller
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
	Record Record // of an EventPut or an EventGone
	Cause  Cause  // of an EventGone
}
