package fsm

import (
	"encoding/json"
	"time"
)

// Snapshot is a machine at one moment. As JSON it is what a machine on a lease
// writes, unless the definition has an [Encode] rule. [DecodeSnapshot] reads it, which
// takes neither a lease nor a definition, and [Restore] makes a machine of it again.
type Snapshot[S comparable] struct {
	// Version is that of this shape, 1. (It is 0 in what was written before there
	// were versions, which has the same shape.)
	Version int `json:"version"`
	// Table is the definition's [Definition.Fingerprint].
	Table string `json:"table,omitempty"`
	State S      `json:"state"`
	// Since is when the state was reached: the At of the last transition that
	// was not one of [Self], or when the machine was made.
	Since time.Time `json:"since"`
	// Number counts all committed transitions, including forgotten ones.
	Number uint64 `json:"number"`
	// History is as in [Machine.History].
	History []Transition[S] `json:"history,omitempty"`
	// Timeouts are those that run.
	Timeouts []PendingTimeout[S] `json:"timeouts,omitempty"`
	// HistoryStates are what history states would go back to.
	HistoryStates []HistoryState[S] `json:"memory,omitempty"`
}

// PendingTimeout is a [Timeout] that runs.
type PendingTimeout[S comparable] struct {
	State S         `json:"state"` // whose it is: the present one, or one around it
	To    S         `json:"to"`
	Due   time.Time `json:"due"`
}

// HistoryState is the leaf from which a state was left last.
type HistoryState[S comparable] struct {
	State S `json:"state"`
	Last  S `json:"last"`
}

// version is that of the shape of snapshots.
const version = 1

// Snapshot returns the machine as it is. State, time, number and history belong
// together. It does not wait for a change in progress.
func (m *Machine[S]) Snapshot() Snapshot[S] {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	return m.snapshot()
}

// snapshot needs the mutex or the turn: either keeps commits away.
func (m *Machine[S]) snapshot() Snapshot[S] {
	s := Snapshot[S]{
		Version: version,
		Table:   m.def.mark,
		State:   m.State(),
		Since:   moment(m.since),
		Number:  m.past.count,
		History: m.remembered(),
	}
	if m.annex != nil {
		m.def.show(&m.annex.standing, &s)
	}
	return s
}

// upon returns the machine as it will be once s is committed.
func (m *Machine[S]) upon(s step, stays bool, next *standing) Snapshot[S] {
	t := m.transition(s)
	past := append(m.remembered(), t)
	if over := len(past) - int(m.past.limit); over > 0 {
		past = past[over:]
	}
	u := Snapshot[S]{Version: version, Table: m.def.mark, State: t.To, Since: t.At, Number: t.Number, History: past}
	if stays {
		u.Since = moment(m.since)
	}
	if next != nil {
		m.def.show(next, &u)
	}
	return u
}

// show puts a standing into a snapshot, in the caller's terms.
func (d *Definition[S]) show(from *standing, s *Snapshot[S]) {
	states := d.graph.states
	for _, p := range from.pending {
		t := &d.timeouts[p.timeout]
		s.Timeouts = append(s.Timeouts, PendingTimeout[S]{State: states[t.state], To: t.to, Due: moment(p.deadline)})
	}
	for i, last := range from.memory {
		if last != none {
			s.HistoryStates = append(s.HistoryStates, HistoryState[S]{State: states[d.graph.tree.kept[i]], Last: states[last]})
		}
	}
}

// encode makes the value that is written for s.
func (m *Machine[S]) encode(s step, stays bool, next *standing) ([]byte, error) {
	if custom := m.def.encode; custom != nil {
		return custom(m.upon(s, stays, next))
	}
	return json.Marshal(m.upon(s, stays, next))
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
