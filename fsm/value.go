package fsm

import (
	"context"
	"encoding/json"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// History returns the transitions that are kept, oldest first. It does not wait for a change
// in progress.
func (m *Machine[S]) History() []Transition[S] {
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	return m.transitions()
}

// Snapshot returns the machine as it is, all of it at one moment. It does not wait for a
// change in progress.
func (m *Machine[S]) Snapshot() Snapshot[S] {
	table := m.def.fingerprint() // with the mutex open: states may print themselves
	m.turn.mu.Lock()
	defer m.turn.mu.Unlock()
	s := Snapshot[S]{
		Version: snapshotVersion,
		Table:   table,
		State:   m.State(),
		Since:   moment(m.since),
		Number:  m.past.count,
		History: m.transitions(),
	}
	s.Unstarted = m.start == notEntered
	if m.extras != nil {
		m.def.addRunTimeState(&s, m.extras.memory, m.extras.timers.pending)
	}
	return s
}

// snapshotAfter returns the machine as it will be once c is committed. It needs the turn.
func (m *Machine[S]) snapshotAfter(c *change[S]) Snapshot[S] {
	past, number := m.transitions(), m.past.count
	if c.counts() {
		past, number = append(past, c.t), c.t.Number
	}
	s := Snapshot[S]{
		Version: snapshotVersion,
		Table:   m.def.fingerprint(),
		State:   c.t.To,
		Since:   c.t.At,
		Number:  number,
		History: past[max(0, len(past)-int(m.past.limit())):],
	}
	if c.isSelf() {
		s.Since = moment(m.since)
	}
	m.def.addRunTimeState(&s, c.memory, c.pending)
	return s
}

// addRunTimeState adds the history states and the timeouts that run.
func (d *Definition[S]) addRunTimeState(s *Snapshot[S], memory []graph.ID, pending []pendingTimeout) {
	for _, p := range pending {
		t := &d.timeouts[p.timeout]
		s.Timeouts = append(s.Timeouts, PendingTimeout[S]{State: t.state, To: t.to, Due: moment(p.deadline)})
	}
	for i, last := range memory {
		if last != graph.None {
			s.HistoryStates = append(s.HistoryStates, HistoryState[S]{Parent: d.states[d.graph.Remembered[i]], Last: d.states[last]})
		}
	}
}

// encode makes the value that is stored for c.
func (m *Machine[S]) encode(ctx context.Context, c *change[S]) ([]byte, error) {
	s := m.snapshotAfter(c)
	if w, ok := m.extras.writer.(SnapshotEncoder[S]); ok {
		return w.EncodeSnapshot(ctx, s)
	}
	if m.def.encode != nil {
		return m.def.encode(ctx, s)
	}
	return json.Marshal(s)
}

// transitions returns the history as transitions, with room for one more.
func (m *Machine[S]) transitions() []Transition[S] {
	if m.past.len() == 0 {
		return nil
	}
	list := make([]Transition[S], 0, m.past.len()+1)
	for k := range m.past.all() {
		list = append(list, m.def.transition(k.entry, k.number, k.cause))
	}
	return list
}

// transition is an entry as a Transition.
func (d *Definition[S]) transition(e entry, number uint64, cause string) (t Transition[S]) {
	d.describe(&t, e, number, cause)
	return t
}

// describe fills in a Transition.
func (d *Definition[S]) describe(t *Transition[S], e entry, number uint64, cause string) {
	t.Number, t.From, t.To, t.At, t.Cause = number, d.states[e.from], d.states[e.to], moment(e.at), cause
	t.Event, t.Forced, t.Start = "", e.event == forced, e.event == entered
	if e.event > 0 && e.event < entered {
		t.Event = d.events[e.event-1].name
	}
}
