package registry

import (
	"net/netip"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/store"
)

const publishedHistory = 10 // transitions in a record, at most

// Identity describes an instance to people. The holder of a key is identified by nonce and
// token, never by its Identity.
type Identity struct {
	Instance   string     // name of the instance
	Host       string     // name of the machine
	IP         netip.Addr // zero while unknown
	Process    Process    // as far as the platform tells
	Registered time.Time  // when the create was sent that acquired the key
}

// Status is the published facts of an instance. Times are in UTC, and zero if the event has
// not happened.
type Status[S comparable] struct {
	Identity
	Token store.Token // zero in the first value, which is made before the token is known

	State       S
	Changed     time.Time // of the last change of State
	Connected   time.Time // of the last entry into Config.Connected from outside
	Heartbeat   time.Time // of the last published heartbeat, or else the registration
	LastError   string    // of RecordError, of a timeout that was refused, or a guard or hook that has not returned for a minute
	LastErrorAt time.Time
	History     []fsm.Transition[S] // at most 10, oldest first
}

// clone returns s with its own copy of the history, for user code that may modify it.
func (s Status[S]) clone() Status[S] {
	s.History = slices.Clone(s.History)
	return s
}

// apply sets state, times and history from a snapshot of the machine. A machine that has not
// moved yet changes nothing, because the record is older than the machine.
func (s *Status[S]) apply(m fsm.Snapshot[S], connected func(S) bool) {
	if m.Number == 0 {
		return
	}
	if connected(m.State) && !connected(s.State) {
		s.Connected = m.Since
	}
	s.State, s.Changed = m.State, m.Since
	s.History = m.History[max(0, len(m.History)-publishedHistory):]
}
