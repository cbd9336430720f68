package fsm

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/leasehold-go/leasehold/fsm/internal/graph"
)

// Migration maps the snapshots of an older definition to a newer one. Its zero value is for a
// definition that has all states, events and timeouts of the older one.
type Migration[Old, S comparable] struct {
	// States has the new state for each old one that was renamed, merged, or removed in favour
	// of another. A state that is not listed stays the state with the same JSON.
	States map[Old]S
	// Split, if set, decides about states that became several. It is called for the present
	// state and for each state in the history, with the snapshot as it was in that state; a
	// snapshot of the past has no timeouts and memory. If it returns false, States decides.
	Split func(Snapshot[Old]) (S, bool)
	// Events has the new name for each event that was renamed, and the empty name for one that
	// was removed: transitions in the history then have no event.
	Events map[string]string
	// DropTimeout, if set, is asked about each timeout that runs and that the definition does
	// not have, or not around the new state. If it returns true, the timeout is dropped.
	DropTimeout func(PendingTimeout[Old]) bool
}

// Migrate makes a snapshot of a definition from one of an older definition, for [Restore]. Old is the
// type of the older states, or string if that type no longer knows them; see [DecodeSnapshot].
//
// A program may migrate every snapshot that it loads: States and Split do not apply to a
// snapshot with the Table of def. The history keeps transitions along edges that are gone.
// The memory of a history state that is gone is dropped. A machine that has not been started is
// in the initial state of def.
//
// It fails with a *[SnapshotError] that lists all that does not fit: the states and events that
// are neither in def nor in the migration, states of the migration that def does not have, a
// state that has others within it now, and timeouts that are not dropped. A snapshot is plain data: change it
// before, for example to do without its History or HistoryStates, or to give a timeout that runs another
// target. Timeouts that are new in def do not run until their state is next entered, unless the
// caller adds them to the result. Migrate panics if def was not made by [Define].
func Migrate[Old, S comparable](def *Definition[S], old Snapshot[Old], change Migration[Old, S]) (Snapshot[S], error) {
	mustBeDefined("Migrate", def)
	r := reader[Old, S]{Definition: def, snapshot: old, migrates: true, events: change.Events, drop: change.DropTimeout}
	older := old.Table != def.fingerprint()
	for from, to := range change.States {
		if _, known := def.find(to); !known {
			r.wrong.add("migration: %q becomes %q, which is not in the table", label(from), label(to))
		}
	}
	slices.Sort(r.wrong)
	r.find = func(s Old) (graph.ID, string) {
		if to, listed := lookup(change.States, s); listed && older {
			id, _ := def.find(to)
			return id, ""
		}
		data, err := json.Marshal(s)
		id, known := def.jsonForms().ids[string(data)]
		if err != nil || !known {
			return 0, fmt.Sprintf("%q is neither in the table nor in the migration", label(s))
		}
		return def.decoded(def.states[id])
	}
	if change.Split != nil && older {
		r.split = func(visit int) (graph.ID, string, bool) {
			to, split := change.Split(asOf(old, visit))
			if !split {
				return 0, "", false
			}
			id, known := def.find(to)
			if !known {
				return 0, fmt.Sprintf("Split returned %q, which is not in the table", label(to)), true
			}
			return id, "", true
		}
	}
	m := r.machine(config{history: len(old.History)})
	if len(r.wrong) > 0 {
		seen := make(map[string]bool)
		return Snapshot[S]{}, &SnapshotError{slices.DeleteFunc(r.wrong, func(problem string) bool {
			again := seen[problem]
			seen[problem] = true
			return again
		})}
	}
	if old.Unstarted {
		m.awaitStart(notEntered)
	}
	return m.Snapshot(), nil
}

// asOf is the snapshot before the transition at a place in its history, or at the end as it is.
func asOf[S comparable](s Snapshot[S], visit int) Snapshot[S] {
	if visit == len(s.History) {
		return s
	}
	past := s
	past.State, past.Timeouts, past.HistoryStates = s.History[visit].From, nil, nil
	past.Number, past.History = s.Number-uint64(len(s.History)-visit), slices.Clone(s.History[:visit])
	past.Since = s.History[visit].At
	if visit > 0 {
		past.Since = s.History[visit-1].At
	}
	return past
}
