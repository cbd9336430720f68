package fsm_test

import (
	"context"
	"sync"

	"github.com/leasehold-go/leasehold/fsm"
)

// trace is what rules have noted, in order.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (l *trace) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// clear forgets.
func (l *trace) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

// notes is user code that notes that it ran.
func (l *trace) notes(line string) code {
	return func(context.Context, moved) error { l.add(line); return nil }
}

// about are noting rules for a state and for all.
func (l *trace) about(s state) []ruled {
	return []ruled{
		fsm.Guard(s, "g", l.notes("guard")), fsm.Before(l.notes("before")), fsm.OnExit(s, l.notes("exit")),
		fsm.OnEntry(s, l.notes("enter")), fsm.After(l.notes("after")),
	}
}

// everywhere are noting rules for an edge and all that lies on it.
func (l *trace) everywhere(from, to state) []ruled {
	return []ruled{
		fsm.OnEdge(from, to, l.notes("edge")), fsm.After(l.notes("after")), fsm.OnEntry(to, l.notes("enter")),
		fsm.OnExit(from, l.notes("exit")), fsm.Before(l.notes("before")), fsm.Guard(to, "g", l.notes("guard")),
	}
}
