package fsm

import (
	"cmp"
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
// stored. S may be the states' own type, or another type with the same JSON, such as string.
//
// It fails with a *[SnapshotError] for more than 1 MiB, for a newer version than this package
// knows, and unless data is one JSON object with the fields state, since and number. Entries of
// the history, the timeouts and the memory have to be complete as well. Other fields are
// skipped: a value may hold more than the snapshot. If a field is given twice, the last counts.
//
// It does not know the table: [Restore] checks the states.
func DecodeSnapshot[S comparable](data []byte) (Snapshot[S], error) {
	if len(data) > maxSnapshot {
		return Snapshot[S]{}, &SnapshotError{[]string{fmt.Sprintf("%d bytes, more than %d", len(data), maxSnapshot)}}
	}
	var all contents
	err := json.Unmarshal(data, &all)
	once, _ := json.Marshal(all) // cannot fail: it is made of valid JSON
	var s Snapshot[S]
	if err := cmp.Or(err, json.Unmarshal(once, &s)); err != nil {
		return Snapshot[S]{}, &SnapshotError{[]string{err.Error()}}
	}
	if problem := s.checkVersion(); problem != "" {
		return Snapshot[S]{}, &SnapshotError{[]string{problem}}
	}
	null, err := json.Marshal(*new(S))
	if wrong := all.missing(err == nil && string(null) == "null"); len(wrong) > 0 {
		return Snapshot[S]{}, &SnapshotError{wrong}
	}
	return s, nil
}

// contents is the fields that the JSON of a snapshot has, whatever the type of its states, each
// as it was given last. (Decoded into a [Snapshot], a field that is given twice is a mixture.)
type contents struct {
	Version, Table, State, Since, Number, Unstarted json.RawMessage

	History  elements[struct{ Number, From, To, Event, At, Cause, Forced, Start json.RawMessage }]
	Timeouts elements[struct{ State, To, Due json.RawMessage }]
	Memory   elements[struct{ State, Last json.RawMessage }]
}

// elements is a list that is decoded anew if it is given twice.
type elements[E any] []E

func (l *elements[E]) UnmarshalJSON(data []byte) error {
	*l = nil
	return json.Unmarshal(data, (*[]E)(l))
}

// missing returns a sentence for each field that is not there or null. nullable tells that null
// is a state.
func (c *contents) missing(nullable bool) (wrong problems) {
	need := func(where, name string, value json.RawMessage, nullable bool) {
		if value == nil || !nullable && string(value) == "null" {
			wrong.add("%s%q is missing", where, name)
		}
	}
	need("", "state", c.State, nullable)
	need("", "since", c.Since, false)
	need("", "number", c.Number, false)
	for i, e := range c.History {
		where := fmt.Sprintf("history, element %d: ", i)
		need(where, "number", e.Number, false)
		need(where, "from", e.From, nullable)
		need(where, "to", e.To, nullable)
		need(where, "at", e.At, false)
	}
	for i, e := range c.Timeouts {
		where := fmt.Sprintf("timeouts, element %d: ", i)
		need(where, "state", e.State, nullable)
		need(where, "to", e.To, nullable)
		need(where, "due", e.Due, false)
	}
	for i, e := range c.Memory {
		where := fmt.Sprintf("memory, element %d: ", i)
		need(where, "state", e.State, nullable)
		need(where, "last", e.Last, nullable)
	}
	return wrong
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
// written until the machine moves. With [WithManualStart], and if the snapshot is of a machine
// that was not started, it waits for [Machine.Start].
//
// Timeouts go by the wall clock across a restore. An overdue timeout fires at once, as any and
// once, and before the first call of the machine; timeouts that had fired or were refused are
// over. (A refusal writes nothing: in the value that a [Writer] has stored, a timeout that was
// refused still runs, and it is tried again after a restore.) Writer and data are no part of a
// snapshot: give them again. A [Timeout] that the definition has and the snapshot does not starts when its state is
// next entered.
//
// It fails with a *[SnapshotError] that lists every mistake: an unknown state, event or
// timeout, a state that is no leaf, a state that is decoded from the JSON of another state as
// well, a history that does
// not lead to the state, another version, or the [Snapshot.Table] of another table. [Migrate]
// takes up a snapshot of an older table. If only edges are gone, clearing Table is enough. It fails with the error of [Definition.Accepts] if that refuses the options, and
// panics if def was not made by [Define].
func Restore[S comparable](def *Definition[S], s Snapshot[S], opts ...Option) (*Machine[S], error) {
	mustBeDefined("Restore", def)
	c := configured(opts)
	if err := def.check(c); err != nil {
		return nil, err
	}
	r := reader[S, S]{Definition: def, snapshot: s, find: def.decoded}
	if s.Table != "" && s.Table != def.fingerprint() {
		r.wrong.add("it is of table %q, not of %q: Migrate takes up that of an older table", s.Table, def.fingerprint())
	}
	m := r.machine(c)
	if len(r.wrong) > 0 {
		return nil, &SnapshotError{r.wrong}
	}
	switch {
	case s.Unstarted:
		m.awaitStart(notEntered)
	case c.manual:
		m.awaitStart(notResumed)
	default:
		m.resume()
	}
	return m, nil
}

// decoded returns the ID of a state that was decoded, or a sentence that tells why there is
// none.
func (d *Definition[S]) decoded(s S) (graph.ID, string) {
	id, known := d.find(s)
	if known {
		if other, alike := d.jsonForms().misread[id]; alike {
			return id, fmt.Sprintf("%q may have been %q, whose JSON is decoded as %[1]q too", label(s), label(d.states[other]))
		}
		return id, ""
	}
	for _, state := range d.states { // in an interface, JSON makes a float64 of every number
		if got, want := fmt.Sprintf("%T", s), fmt.Sprintf("%T", state); label(state) == label(s) && got != want {
			return 0, fmt.Sprintf("%q is not in the table as %s, but as %s", label(s), got, want)
		}
	}
	return 0, fmt.Sprintf("%q is not in the table", label(s))
}

// reader makes a machine of a snapshot, and collects mistakes in it: the first of each of its
// fields. Old is S, and find is all there is to it, except in [Migrate].
type reader[Old, S comparable] struct {
	*Definition[S]
	snapshot Snapshot[Old]
	find     func(Old) (graph.ID, string) // the ID of a state, or why there is none
	wrong    problems

	// Of a migration alone.
	migrates bool // so all mistakes are collected
	split    func(visit int) (id graph.ID, problem string, ok bool)
	events   map[string]string
	drop     func(PendingTimeout[Old]) bool
}

// machine reads all of the snapshot, with the newest entries of the history up to the limit.
// The timeouts do not run yet.
func (r *reader[Old, S]) machine(c config) *Machine[S] {
	if problem := r.snapshot.checkVersion(); problem != "" {
		r.wrong.add("%s", problem)
	}
	state := r.start
	if !r.migrates || !r.snapshot.Unstarted {
		state = r.place("state", len(r.snapshot.History), r.snapshot.State)
	}
	m := &Machine[S]{def: r.Definition, since: r.time("since", r.snapshot.Since)}
	m.configure(c)
	m.past = r.history(state, uint32(c.history))
	m.state.Store(uint32(state))
	if s := r.snapshot; s.Unstarted && (s.Number > 0 || len(s.History)+len(s.Timeouts)+len(s.HistoryStates) > 0 || state != r.start) {
		r.wrong.add("unstarted: the machine has to be in %q, with number 0, and without history, timeouts and memory", label(r.states[r.start]))
	}
	pending, memory := r.timeouts(state), r.memory()
	if r.stateful {
		m.extras.memory, m.extras.timers.pending = memory, pending
	}
	return m
}

// id is the ID of a state.
func (r *reader[Old, S]) id(what string, s Old) (id graph.ID, ok bool) {
	id, problem := r.find(s)
	if problem != "" {
		r.wrong.add("%s: %s", what, problem)
	}
	return id, problem == ""
}

// leaf is the ID of a state that a machine can be in.
func (r *reader[Old, S]) leaf(what string, s Old) graph.ID {
	id, ok := r.id(what, s)
	if ok {
		r.checkLeaf(what, id)
	}
	return id
}

func (r *reader[Old, S]) checkLeaf(what string, id graph.ID) {
	if !r.graph.IsLeaf(id) {
		r.wrong.add("%s: no machine can be in %q itself", what, label(r.states[id]))
	}
}

// place is the leaf of one state in the history, or at its end of the present state.
func (r *reader[Old, S]) place(what string, visit int, s Old) graph.ID {
	if r.split == nil {
		return r.leaf(what, s)
	}
	id, problem, ok := r.split(visit)
	switch {
	case !ok:
		return r.leaf(what, s)
	case problem != "":
		r.wrong.add("%s: %s", what, problem)
	default:
		r.checkLeaf(what, id)
	}
	return id
}

// time is a moment as machines keep it.
func (r *reader[Old, S]) time(what string, t time.Time) int64 {
	n := t.UnixNano()
	if !moment(n).Equal(t) {
		r.wrong.add("%s: year %d is out of range", what, t.Year())
	}
	return n
}

// history reads the newest entries up to the limit.
func (r *reader[Old, S]) history(present graph.ID, limit uint32) history {
	past, number, read := r.snapshot.History, r.snapshot.Number, newHistory(limit)
	if uint64(len(past)) > number || number > math.MaxInt64 {
		r.wrong.add("history: %d transitions, and number %d", len(past), number)
		return read
	}
	before := len(r.wrong)
	first := number - uint64(len(past)) + 1
	read.count = first - 1
	from := present
	for i, t := range past {
		if i == 0 {
			from = r.place("history", 0, t.From)
		}
		next, to := r.snapshot.State, present
		if i+1 < len(past) {
			next = past[i+1].From
			to = r.place("history", i+1, next)
		}
		e := entry{at: r.time("history", t.At), from: from, to: to, event: r.event(t)}
		if t.Number != first+uint64(i) || !equal(t.To, next) {
			r.wrong.add("history: transition %d, %q to %q, does not lead to what follows", t.Number, label(t.From), label(t.To))
		}
		if len(r.wrong) > before && !r.migrates {
			return read
		}
		read.count++
		read.add(e, t.Cause)
		from = to
	}
	return read
}

// event is the number of a transition's event.
func (r *reader[Old, S]) event(t Transition[Old]) uint16 {
	if name, listed := r.events[t.Event]; listed && t.Event != "" {
		t.Event = name
	}
	i := slices.IndexFunc(r.Definition.events, func(e *event) bool { return e.name == t.Event })
	switch {
	case t.Start && (t.Number != 1 || !equal(t.From, t.To)):
		r.wrong.add("history: transition %d, %q to %q, is no start", t.Number, label(t.From), label(t.To))
		return 0
	case t.Start && t.Event == "" && !t.Forced:
		return entered
	case t.Forced && t.Event == "" && !t.Start:
		return forced
	case t.Event == "" && !t.Forced && !t.Start:
		return 0
	case i < 0 || t.Forced || t.Start:
		r.wrong.add("history: event %q is unknown", t.Event)
		return 0
	}
	return uint16(i + 1)
}

// timeouts reads the timeouts that run.
func (r *reader[Old, S]) timeouts(present graph.ID) (all []pendingTimeout) {
	for _, p := range r.snapshot.Timeouts {
		i, problem := r.timeout(p, present)
		switch {
		case problem != "" && r.drop != nil && r.drop(p):
			continue
		case problem == "" && slices.ContainsFunc(all, func(o pendingTimeout) bool { return o.timeout == i }):
			problem = fmt.Sprintf("that of %q to %q is there more than once", label(p.State), label(p.To))
		}
		before := len(r.wrong)
		if problem != "" {
			r.wrong.add("timeouts: %s", problem)
		}
		all = append(all, pendingTimeout{timeout: i, deadline: r.time("timeouts", p.Due)})
		if len(r.wrong) > before && !r.migrates {
			return nil
		}
	}
	return all
}

// timeout is the place of a timeout in the definition, or a sentence that tells why it cannot run.
func (r *reader[Old, S]) timeout(p PendingTimeout[Old], present graph.ID) (place uint16, problem string) {
	state := present
	if r.split == nil || !equal(p.State, r.snapshot.State) {
		if state, problem = r.find(p.State); problem != "" {
			return 0, problem
		}
	}
	to, problem := r.find(p.To)
	if problem != "" {
		return 0, problem
	}
	i := slices.IndexFunc(r.Definition.timeouts, func(t timeout[S]) bool { return t.id == state && t.to == r.states[to] })
	switch {
	case i < 0:
		return 0, fmt.Sprintf("there is none of %q to %q", label(r.states[state]), label(r.states[to]))
	case !r.graph.Within(present, state):
		return 0, fmt.Sprintf("that of %q to %q cannot run in %q", label(r.states[state]), label(r.states[to]), label(r.states[present]))
	}
	return uint16(i), ""
}

// memory reads the history states.
func (r *reader[Old, S]) memory() []graph.ID {
	memory := r.graph.Forget()
	for _, h := range r.snapshot.HistoryStates {
		before := len(r.wrong)
		state, known := r.id("history states", h.Parent)
		at := slices.Index(r.graph.Remembered, state)
		if r.migrates && known && at < 0 {
			continue // nothing leads back there
		}
		last := r.leaf("history states", h.Last)
		switch {
		case len(r.wrong) > before:
		case at < 0:
			r.wrong.add("history states: %q has none", label(h.Parent))
		case !r.graph.Within(last, state):
			r.wrong.add("history states: %q does not lie within %q", label(h.Last), label(h.Parent))
		case memory[at] != graph.None:
			r.wrong.add("history states: %q is there more than once", label(h.Parent))
		default:
			memory[at] = last
		}
		if len(r.wrong) > before && !r.migrates {
			return nil
		}
	}
	return memory
}
