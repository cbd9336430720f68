package fsm

import (
	"encoding/json"
	"time"
)

// Snapshot is a machine at one moment. As JSON it is what a machine on a lease
// writes, unless the definition has an [Encode] rule.
type Snapshot[S comparable] struct {
	State S `json:"state"`
	// Since is when the state was reached: the At of the last transition that
	// was not one of [Self], or when the machine was made.
	Since time.Time `json:"since"`
	// Number counts all committed transitions, including forgotten ones.
	Number uint64 `json:"number"`
	// History is as in [Machine.History].
	History []Transition[S] `json:"history,omitempty"`
}

// Snapshot returns the machine as it is. State, time, number and history belong
// together. It does not wait for a change in progress.
func (m *Machine[S]) Snapshot() Snapshot[S] {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	return m.snapshot()
}

// snapshot needs the mutex or the turn: either keeps commits away.
func (m *Machine[S]) snapshot() Snapshot[S] {
	return Snapshot[S]{
		State:   m.State(),
		Since:   moment(m.since),
		Number:  m.past.count,
		History: m.remembered(),
	}
}

// upon returns the machine as it will be once s is committed.
func (m *Machine[S]) upon(s step) Snapshot[S] {
	t := m.transition(s)
	past := append(m.remembered(), t)
	if over := len(past) - int(m.past.limit); over > 0 {
		past = past[over:]
	}
	u := Snapshot[S]{State: t.To, Since: t.At, Number: t.Number, History: past}
	if m.def.remains(s.entry) {
		u.Since = moment(m.since)
	}
	return u
}

// encode makes the value that is written for s.
func (m *Machine[S]) encode(s step) ([]byte, error) {
	if custom := m.def.encode; custom != nil {
		return custom(m.upon(s))
	}
	return json.Marshal(m.upon(s))
}

// remembered returns what the history keeps, in the caller's terms.
func (m *Machine[S]) remembered() []Transition[S] {
	if len(m.past.entries) == 0 {
		return nil
	}
	list := make([]Transition[S], 0, len(m.past.entries)+1) // upon adds one
	for s := range m.past.steps() {
		list = append(list, m.transition(s))
	}
	return list
}

// transition is a step in the caller's terms.
func (m *Machine[S]) transition(s step) Transition[S] {
	states := m.def.graph.states
	t := Transition[S]{
		Number: s.number,
		From:   states[s.from],
		To:     states[s.to],
		At:     moment(s.at),
		Cause:  s.cause,
		Forced: s.event == forced,
	}
	if s.event > 0 && !t.Forced {
		t.Event = m.def.events[s.event-1].name
	}
	return t
}

// moment is a time as the machine keeps it: in UTC, so that what is written
// does not depend on where the process runs, and without a monotonic reading.
func moment(nanoseconds int64) time.Time { return time.Unix(0, nanoseconds).UTC() }
