package fsm

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// maxSnapshot is the size up to which a snapshot is decoded, in bytes: that of the
// largest record of a store.
const maxSnapshot = 1 << 20

// DecodeSnapshot reads the JSON of a snapshot: the value of a record that a machine on
// a lease has written, or what was kept elsewhere. S may be the states' own type, or
// any other that reads the same JSON, such as string. It fails with a *[SnapshotError]
// for more than 1 MiB, for what is not the JSON of one, and for one of a newer version
// than this package knows. Whether the states are those of any table is not its
// business but that of [Restore].
func DecodeSnapshot[S comparable](data []byte) (Snapshot[S], error) {
	if len(data) > maxSnapshot {
		return Snapshot[S]{}, &SnapshotError{[]string{fmt.Sprintf("%d bytes, more than %d", len(data), maxSnapshot)}}
	}
	var s Snapshot[S]
	if err := json.Unmarshal(data, &s); err != nil {
		return Snapshot[S]{}, &SnapshotError{[]string{err.Error()}}
	}
	if err := s.checkVersion(); err != "" {
		return Snapshot[S]{}, &SnapshotError{[]string{err}}
	}
	return s, nil
}

func (s *Snapshot[S]) checkVersion() string {
	if s.Version < 0 || s.Version > version {
		return fmt.Sprintf("version %d, and not one up to %d", s.Version, version)
	}
	return ""
}

// Restore returns a machine that goes on where a snapshot was taken, maybe in another
// process: in its state, with its number and history (the newest, if [WithHistory]
// keeps fewer), with what history states remember and with the timeouts that ran. No
// hook and no guard runs, and nothing is written: on a lease the record has the value
// with which it was created until the machine moves.
//
// Timeouts go by the wall clock across a restore. One that is overdue fires at once,
// like any and once, and before whatever the machine is asked for; those that had fired or were refused are over. A [Timeout] that
// the definition has and the snapshot has not does not start before its state is
// entered.
//
// It fails with a *[SnapshotError] that names what does not fit: a state, event or
// timeout that the definition does not know, a state in which no machine can be, a
// history that does not lead to the state, another version, or the [Snapshot.Table] of
// another table. To take up a snapshot of an older table, clear Table: then its states
// have to be known, but the edges that led it there may be gone.
//
// It panics like [New].
func Restore[S comparable](def *Definition[S], s Snapshot[S], opts ...Option) (*Machine[S], error) {
	if def == nil || def.graph == nil {
		panic("fsm: Restore needs a definition made by Define")
	}
	c := configured(opts)
	r := restoring[S]{def: def, of: s}
	state := r.place()
	m := blank(def, c)
	m.since, m.past = r.time("since", s.Since), r.history(uint32(c.history))
	stood := standing{pending: r.timeouts(state), memory: r.memory()}
	if len(r.wrong) > 0 {
		return nil, &SnapshotError{r.wrong}
	}
	m.state.Store(uint32(state))
	if c.queue > 0 || def.stands() {
		m.annex = newAnnex[S](c)
		m.turn.mu.Lock()
		defer m.turn.mu.Unlock()
		m.annex.standing = stood
		m.arm()
	}
	return m, nil
}

// restoring reads a snapshot into the terms of a definition.
type restoring[S comparable] struct {
	def   *Definition[S]
	of    Snapshot[S]
	wrong problems
}

// place is the present state.
func (r *restoring[S]) place() uint16 {
	if err := r.of.checkVersion(); err != "" {
		r.wrong.add("%s", err)
	}
	if r.of.Table != "" && r.of.Table != r.def.mark {
		r.wrong.add("it is of table %q, not of %q", r.of.Table, r.def.mark)
	}
	return r.leaf("state", r.of.State)
}

// state is the number of a state.
func (r *restoring[S]) state(what string, s S) uint16 {
	i, known := r.def.graph.index[s]
	if !known {
		r.wrong.add("%s: %q is not in the table", what, label(s))
	}
	return i
}

// leaf is the number of a state that a machine can be in.
func (r *restoring[S]) leaf(what string, s S) uint16 {
	i := r.state(what, s)
	if !r.def.graph.tree.leaf(i) {
		r.wrong.add("%s: no machine can be in %q itself", what, label(s))
	}
	return i
}

// time is a moment as machines keep it.
func (r *restoring[S]) time(what string, t time.Time) int64 {
	n := t.UnixNano()
	if !moment(n).Equal(t) {
		r.wrong.add("%s: year %d is out of range", what, t.Year())
	}
	return n
}

// history reads the newest entries up to the limit. It ends at the first that is wrong.
func (r *restoring[S]) history(limit uint32) history {
	past, kept := r.of.History, history{limit: limit}
	if uint64(len(past)) > r.of.Number || r.of.Number > math.MaxInt64 {
		r.wrong.add("history: %d transitions, and number %d", len(past), r.of.Number)
		return kept
	}
	sound := len(r.wrong)
	first := r.of.Number - uint64(len(past)) + 1
	kept.count = first - 1
	for i, t := range past {
		to := r.of.State
		if i+1 < len(past) {
			to = past[i+1].From
		}
		e := entry{
			at:    r.time("history", t.At),
			from:  r.leaf("history", t.From),
			to:    r.leaf("history", t.To),
			event: r.event(t),
		}
		if t.Number != first+uint64(i) || t.To != to {
			r.wrong.add("history: transition %d, %q to %q, does not lead to what follows", t.Number, label(t.From), label(t.To))
		}
		if len(r.wrong) > sound {
			return kept
		}
		if kept.count++; t.Cause != "" || !kept.replace(e) {
			kept.extend(e, t.Cause)
		}
	}
	return kept
}

// event is the number of a transition's event.
func (r *restoring[S]) event(t Transition[S]) uint16 {
	switch i := slices.IndexFunc(r.def.events, func(e *event) bool { return e.name == t.Event }); {
	case t.Forced && t.Event == "":
		return forced
	case t.Event == "":
		return 0
	case i < 0 || t.Forced:
		r.wrong.add("history: event %q is unknown", t.Event)
		return 0
	default:
		return uint16(i + 1)
	}
}

// timeouts reads those that run, up to the first that is wrong.
func (r *restoring[S]) timeouts(present uint16) (all []pending) {
	sound := len(r.wrong)
	for _, p := range r.of.Timeouts {
		i := slices.IndexFunc(r.def.timeouts, func(t timeout[S]) bool {
			return r.def.graph.states[t.state] == p.State && t.to == p.To
		})
		switch {
		case i < 0:
			r.wrong.add("timeouts: there is none of %q to %q", label(p.State), label(p.To))
		case !r.def.graph.tree.within(present, r.def.timeouts[i].state):
			r.wrong.add("timeouts: that of %q to %q cannot run in %q", label(p.State), label(p.To), label(r.of.State))
		case slices.ContainsFunc(all, func(o pending) bool { return o.timeout == uint16(i) }):
			r.wrong.add("timeouts: that of %q to %q is there more than once", label(p.State), label(p.To))
		default:
			all = append(all, pending{timeout: uint16(i), deadline: r.time("timeouts", p.Due)})
		}
		if len(r.wrong) > sound {
			break
		}
	}
	return all
}

// memory reads what is remembered, up to the first that is wrong.
func (r *restoring[S]) memory() []uint16 {
	sound, t := len(r.wrong), r.def.graph.tree
	var memory []uint16
	if t != nil {
		memory = slices.Repeat([]uint16{none}, len(t.kept))
	}
	for _, each := range r.of.HistoryStates {
		state, last := r.state("memory", each.State), r.leaf("memory", each.Last)
		at := -1
		if t != nil {
			at = slices.Index(t.kept, state)
		}
		switch {
		case len(r.wrong) > sound:
			return nil
		case at < 0:
			r.wrong.add("memory: %q is not remembered", label(each.State))
		case !t.within(last, state):
			r.wrong.add("memory: %q does not lie within %q", label(each.Last), label(each.State))
		case memory[at] != none:
			r.wrong.add("memory: %q is there more than once", label(each.State))
		default:
			memory[at] = last
		}
	}
	return memory
}
