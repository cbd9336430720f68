package bench

import (
	"slices"
	"testing"
)

// Each library really does the work that the benchmarks claim to time.

func eachLibrary(t *testing.T, check func(*testing.T, library)) {
	for _, l := range libraries {
		t.Run(l.name, func(t *testing.T) { check(t, l) })
	}
}

func TestStepsAreTheTable(t *testing.T) {
	edges := 0
	for i, s := range steps {
		if round[i] != s.to {
			t.Errorf("step %d of the round leads to %q, want %q", i, round[i], s.to)
		}
		for _, from := range s.from {
			edges++
			if !slices.Contains(table[from], s.to) {
				t.Errorf("%s: %q -> %q is not in the table", s.event, from, s.to)
			}
		}
	}
	for _, targets := range table {
		edges -= len(targets)
	}
	if edges != 0 {
		t.Errorf("the events have %+d edges beside those of the table", edges)
	}
}

func TestWalksTheRound(t *testing.T) {
	eachLibrary(t, func(t *testing.T, l library) {
		m, other := l.create(nil), l.create(nil)
		for n := range 3 * len(round) {
			to := round[n%len(round)]
			if err := m.move(to); err != nil || m.present() != to {
				t.Fatalf("step %d: in %q after a step to %q: %v", n, m.present(), to, err)
			}
		}
		if other.present() != Idle {
			t.Errorf("a second machine moved along, to %q", other.present())
		}
	})
}

func TestNestedMachinesWalkTheRound(t *testing.T) {
	eachLibrary(t, func(t *testing.T, l library) {
		if l.nested == nil {
			return
		}
		m := l.nested()
		for n := range 3 * len(round) {
			to := round[n%len(round)]
			if err := m.move(to); err != nil || m.present() != to {
				t.Fatalf("step %d: in %q after a step to %q: %v", n, m.present(), to, err)
			}
		}
	})
}

// Every pair of states: an edge of the table is admitted, any other is refused and
// leaves the machine where it was.
func TestAdmitsWhatTheTableAdmits(t *testing.T) {
	eachLibrary(t, func(t *testing.T, l library) {
		for from, targets := range table {
			for _, to := range round {
				m, want := at(t, l, from), slices.Contains(targets, to)
				if a, ok := m.(asker); ok && a.can(to) != want {
					t.Errorf("can %q -> %q: %v, want %v", from, to, a.can(to), want)
				}
				before := len(m.past())
				err := m.move(to)
				if moved := m.present() != from; moved != want {
					t.Errorf("%q -> %q: moved %v, want %v", from, to, moved, want)
				}
				if silent := l.mute && !want; (err == nil) != (want || silent) {
					t.Errorf("%q -> %q: error %v", from, to, err)
				}
				if !want && len(m.past()) != before {
					t.Errorf("%q -> %q: a refusal is in the history", from, to)
				}
			}
		}
	})
}

// at returns a machine in a state, along the round.
func at(t *testing.T, l library, s State) machine {
	t.Helper()
	m := l.create(nil)
	mustWalk(t, m, (slices.Index(round[:], s)+1)%len(round))
	if m.present() != s {
		t.Fatalf("in %q, want %q", m.present(), s)
	}
	return m
}

func TestEventsGoWhereTheySay(t *testing.T) {
	eachLibrary(t, func(t *testing.T, l library) {
		if l.eventful == nil {
			return // a transition is an event here
		}
		m := l.eventful()
		fire := m.(firer).fire
		if fire("activate") == nil || m.present() != Idle {
			t.Errorf("an event that leads nowhere was accepted")
		}
		for _, s := range steps {
			if err := fire(s.event); err != nil || m.present() != s.to {
				t.Fatalf("%s: in %q, want %q: %v", s.event, m.present(), s.to, err)
			}
		}
		if len(m.past()) != len(steps) {
			t.Errorf("%d transitions remembered after %d events", len(m.past()), len(steps))
		}
	})
}

func TestCallsTheHookOnceATransition(t *testing.T) {
	eachLibrary(t, func(t *testing.T, l library) {
		calls := 0
		m := l.create(func() { calls++ })
		calls = 0 // entering the first state may count as well
		mustWalk(t, m, 12)
		if calls != 12 {
			t.Errorf("%d calls after 12 transitions", calls)
		}
	})
}

func TestRemembersWhatItClaims(t *testing.T) {
	eachLibrary(t, func(t *testing.T, l library) {
		const taken = 127
		m := l.create(nil)
		mustWalk(t, m, taken)
		past := m.past()
		if len(past) != l.history {
			t.Fatalf("%d transitions remembered, want %d", len(past), l.history)
		}
		for i, s := range past {
			if n := taken - len(past) + i; s != round[n%len(round)] {
				t.Errorf("entry %d is %q, want %q", i, s, round[n%len(round)])
			}
		}
	})
}

// A machine with features that it does not use is one that walks like any other.
func TestUnusedFeatures(t *testing.T) {
	for name, create := range leaseholdUnused {
		t.Run(name, func(t *testing.T) {
			m := create()
			mustWalk(t, m, 7)
			if m.present() != Starting {
				t.Errorf("in %q, want %q", m.present(), Starting)
			}
		})
	}
}

func mustWalk(t *testing.T, m machine, steps int) {
	t.Helper()
	if err := walk(m, steps); err != nil {
		t.Fatal(err)
	}
}
