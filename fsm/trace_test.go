package fsm_test

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/fsm"
)

// trace records the guards and hooks that run, in order.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (l *trace) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// clear empties the trace.
func (l *trace) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

// records returns a guard or hook that adds a line.
func (l *trace) records(line string) hook {
	return func(context.Context, transition) error { l.add(line); return nil }
}

// forState returns recording rules for a state and for all transitions.
func (l *trace) forState(s state) []stateRule {
	return []stateRule{
		fsm.Guard(s, "g", l.records("guard")), fsm.Before(l.records("before")), fsm.OnExit(s, l.records("exit")),
		fsm.OnEntry(s, l.records("enter")), fsm.After(l.records("after")),
	}
}

// forEdge returns recording rules for an edge, its source, its target and all transitions.
func (l *trace) forEdge(from, to state) []stateRule {
	return []stateRule{
		fsm.OnEdge(from, to, l.records("edge")), fsm.After(l.records("after")), fsm.OnEntry(to, l.records("enter")),
		fsm.OnExit(from, l.records("exit")), fsm.Before(l.records("before")), fsm.Guard(to, "g", l.records("guard")),
	}
}
