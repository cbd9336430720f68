package registry

import (
	"net/netip"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

// Identity says who an instance is. It is for people to read: who owns a key is
// decided by nonce and token, never by a name.
type Identity struct {
	Instance   string     // its name
	Host       string     // the machine's name
	IP         netip.Addr // the zero address while it is not known
	Process    Process    // as far as the platform tells
	Registered time.Time  // when it asked for the key that it got
}

// Status is what an instance has to say about itself. Times are in UTC, and zero
// where there was no such moment yet.
type Status[S comparable] struct {
	Identity
	Token store.Token // zero in the very first value, which is made before it is granted

	State       S
	Changed     time.Time // of the state
	Connected   time.Time // of the last entry to [Config.Connected], from a state outside
	Heartbeat   time.Time // of the last heartbeat that was published, or of the registration
	LastError   string
	LastErrorAt time.Time
	History     []fsm.Transition[S] // the most recent ones, oldest first
}

// facts are what an instance has published, or is about to.
type facts[S comparable, P any] struct {
	status  Status[S]
	payload P
}

// clone returns s with a history of its own, for the user to keep.
func (s Status[S]) clone() Status[S] {
	s.History = slices.Clone(s.History)
	return s
}

// follow takes over where the machine is, if it has moved: before that the record
// is older than the machine. connected tells the states that count as such.
func (s *Status[S]) follow(m fsm.Snapshot[S], connected func(S) bool) {
	if m.Number == 0 {
		return
	}
	if connected(m.State) && !connected(s.State) {
		s.Connected = m.Since
	}
	s.State, s.Changed = m.State, m.Since
	s.History = m.History[max(0, len(m.History)-recent):]
}
