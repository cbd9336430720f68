package fsm

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// maxSnapshot is the largest snapshot that is decoded, in bytes: that of the largest record of
// a store.
const maxSnapshot = 1 << 20

// DecodeSnapshot reads the JSON of a snapshot: the value that a machine with a writer has
// stored. S may be the states' own type, or another type with the same JSON, such as string. It fails with a *[SnapshotError] for more than 1 MiB, for other JSON, and for a newer
// version than this package knows. It does not know the table: [Restore] checks the states.
func DecodeSnapshot[S comparable](data []byte) (Snapshot[S], error) {
	if len(data) > maxSnapshot {
		return Snapshot[S]{}, &SnapshotError{[]string{fmt.Sprintf("%d bytes, more than %d", len(data), maxSnapshot)}}
	}
	var s Snapshot[S]
	if err := json.Unmarshal(data, &s); err != nil {
		return Snapshot[S]{}, &SnapshotError{[]string{err.Error()}}
	}
	if problem := s.checkVersion(); problem != "" {
		return Snapshot[S]{}, &SnapshotError{[]string{problem}}
	}
	return s, nil
}

func (s *Snapshot[S]) checkVersion() string {
	if s.Version < 0 || s.Version > snapshotVersion {
		return fmt.Sprintf("version %d, and not one up to %d", s.Version, snapshotVersion)
	}
	return ""
}

// Restore returns a machine that continues where a snapshot was taken, in any process: in its
// state, with its number and history (the newest, if [WithHistory] keeps fewer), with the
// history states and the timeouts that ran. No guard or hook runs, and nothing is
// written until the machine moves.
//
// Timeouts go by the wall clock across a restore. An overdue timeout fires at once, as any and
// once, and before the first call of the machine; timeouts that had fired or were refused are
// over. (A refusal writes nothing: in the value that a [Writer] has stored, a timeout that was
// refused still runs, and it is tried again after a restore.) Writer and data are no part of a
// snapshot: give them again. A [Timeout] that the definition has and the snapshot does not starts when its state is
// next entered.
//
// It fails with a *[SnapshotError] that lists every mistake: an unknown state, event or
// timeout, a state that is no leaf, a history that does
// not lead to the state, another version, or the [Snapshot.Table] of another table. To restore
// a snapshot of an older table, clear Table: its states must then be known, but its edges may
// be gone. It fails with the error of [Definition.Accepts] if that refuses the options, and
// panics if def was not made by [Define].
func Restore[S comparable](def *Definition[S], s Snapshot[S], opts ...Option) (*Machine[S], error) {
	mustBeDefined("Restore", def)
	c := configured(opts)
	if err := def.check(c); err != nil {
		return nil, err
	}
	r := reader[S]{Definition: def, snapshot: s}
	if problem := s.checkVersion(); problem != "" {
		r.wrong.add("%s", problem)
	}
	if s.Table != "" && s.Table != def.fingerprint {
		r.wrong.add("it is of table %q, not of %q", s.Table, def.fingerprint)
	}
	state := r.leaf("state", s.State)
	since, past := r.time("since", s.Since), r.history(uint32(c.history))
	pending, memory := r.timeouts(state), r.memory()
	if len(r.wrong) > 0 {
		return nil, &SnapshotError{r.wrong}
	}
	m := &Machine[S]{def: def, since: since}
	m.configure(c)
	m.past = past
	m.state.Store(uint32(state))
	if def.stateful {
		m.resume(memory, pending)
	}
	return m, nil
}

// reader translates a snapshot for a definition, and collects mistakes in it.
type reader[S comparable] struct {
	*Definition[S]
	snapshot Snapshot[S]
	wrong    problems
}

func (r *reader[S]) id(what string, s S) graph.ID {
	id, known := r.ids[s]
	if !known {
		r.wrong.add("%s: %q is not in the table", what, label(s))
	}
	return id
}

// leaf is the ID of a state that a machine can be in.
func (r *reader[S]) leaf(what string, s S) graph.ID {
	id := r.id(what, s)
	if !r.graph.IsLeaf(id) {
		r.wrong.add("%s: no machine can be in %q itself", what, label(s))
	}
	return id
}

// time is a moment as machines keep it.
func (r *reader[S]) time(what string, t time.Time) int64 {
	n := t.UnixNano()
	if !moment(n).Equal(t) {
		r.wrong.add("%s: year %d is out of range", what, t.Year())
	}
	return n
}

// history reads the newest entries up to the limit. It stops at the first mistake.
func (r *reader[S]) history(limit uint32) history {
	past, number, read := r.snapshot.History, r.snapshot.Number, history{limit: limit}
	if uint64(len(past)) > number || number > math.MaxInt64 {
		r.wrong.add("history: %d transitions, and number %d", len(past), number)
		return read
	}
	before := len(r.wrong)
	first := number - uint64(len(past)) + 1
	read.count = first - 1
	for i, t := range past {
		next := r.snapshot.State
		if i+1 < len(past) {
			next = past[i+1].From
		}
		e := entry{at: r.time("history", t.At), from: r.leaf("history", t.From), to: r.leaf("history", t.To), event: r.event(t)}
		if t.Number != first+uint64(i) || t.To != next {
			r.wrong.add("history: transition %d, %q to %q, does not lead to what follows", t.Number, label(t.From), label(t.To))
		}
		if len(r.wrong) > before {
			return read
		}
		read.count++
		read.add(e, t.Cause)
	}
	return read
}

// event is the number of a transition's event.
func (r *reader[S]) event(t Transition[S]) uint16 {
	i := slices.IndexFunc(r.events, func(e *event) bool { return e.name == t.Event })
	switch {
	case t.Forced && t.Event == "":
		return forced
	case t.Event == "":
		return 0
	case i < 0 || t.Forced:
		r.wrong.add("history: event %q is unknown", t.Event)
		return 0
	}
	return uint16(i + 1)
}

// timeouts reads the timeouts that run, up to the first mistake.
func (r *reader[S]) timeouts(present graph.ID) (all []pendingTimeout) {
	before := len(r.wrong)
	for _, p := range r.snapshot.Timeouts {
		i := slices.IndexFunc(r.Definition.timeouts, func(t timeout[S]) bool { return t.state == p.State && t.to == p.To })
		switch {
		case i < 0:
			r.wrong.add("timeouts: there is none of %q to %q", label(p.State), label(p.To))
		case !r.graph.Within(present, r.Definition.timeouts[i].id):
			r.wrong.add("timeouts: that of %q to %q cannot run in %q", label(p.State), label(p.To), label(r.snapshot.State))
		case slices.ContainsFunc(all, func(o pendingTimeout) bool { return o.timeout == uint16(i) }):
			r.wrong.add("timeouts: that of %q to %q is there more than once", label(p.State), label(p.To))
		default:
			all = append(all, pendingTimeout{timeout: uint16(i), deadline: r.time("timeouts", p.Due)})
		}
		if len(r.wrong) > before {
			break
		}
	}
	return all
}

// memory reads the history states, up to the first mistake.
func (r *reader[S]) memory() []graph.ID {
	before, memory := len(r.wrong), r.graph.Forget()
	for _, h := range r.snapshot.HistoryStates {
		state, last := r.id("history states", h.Parent), r.leaf("history states", h.Last)
		at := slices.Index(r.graph.Remembered, state)
		switch {
		case len(r.wrong) > before:
			return nil
		case at < 0:
			r.wrong.add("history states: %q has none", label(h.Parent))
		case !r.graph.Within(last, state):
			r.wrong.add("history states: %q does not lie within %q", label(h.Last), label(h.Parent))
		case memory[at] != graph.None:
			r.wrong.add("history states: %q is there more than once", label(h.Parent))
		default:
			memory[at] = last
		}
	}
	return memory
}
