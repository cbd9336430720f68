package fsmtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// probe records the guards and hooks that run in one call.
type probe[S comparable] struct {
	unhandled bool // the definition has an OnUnhandled rule, which decides about events without a rule

	mu    sync.Mutex // timeouts run in goroutines of their own
	trace trace
}

// trace is the record of one call.
type trace struct {
	lines        []string
	outcome      error // the argument of the finally hook
	timeoutError error // the argument of the OnTimeoutError hook
}

// attach derives a definition with guards and hooks at every point that record themselves.
// At each point they run last.
func attach[S comparable](t testing.TB, def *fsm.Definition[S]) (*fsm.Definition[S], *probe[S]) {
	p := new(probe[S])
	rules := []fsm.Rule[S]{
		fsm.Before(p.records("before")), fsm.After(p.records("after")),
		fsm.Finally(func(_ context.Context, _ fsm.Transition[S], err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.trace.lines = append(p.trace.lines, "finally")
			p.trace.outcome = err
		}),
		fsm.OnTimeoutError(func(_ context.Context, err *fsm.TransitionError[S]) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.trace.timeoutError = err
		}),
	}
	for _, s := range def.States() {
		if _, _, history := def.HistoryState(s); history {
			continue
		}
		rules = append(rules,
			fsm.Guard(s, "fsmtest", p.records(stateLine("guard", s))),
			fsm.OnExit(s, p.records(stateLine("exit", s))),
			fsm.OnEntry(s, p.records(stateLine("enter", s))))
	}
	for from, to := range edges(def) {
		rules = append(rules, fsm.OnEdge(from, to, p.records(edgeLine(from, to))))
	}
	probed, err := def.With(rules...)
	if err != nil {
		t.Fatalf("fsmtest: %v", err)
	}
	// A definition has at most one OnUnhandled rule.
	_, err = def.With(fsm.OnUnhandled(func(_ context.Context, e *fsm.EventError[S]) error { return e }))
	p.unhandled = err != nil
	return probed, p
}

// records returns a guard or hook that adds a line to the trace.
func (p *probe[S]) records(line string) func(context.Context, fsm.Transition[S]) error {
	return func(context.Context, fsm.Transition[S]) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.trace.lines = append(p.trace.lines, line)
		return nil
	}
}

// take returns the trace and begins an empty one.
func (p *probe[S]) take() trace {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.trace
	p.trace = trace{}
	return taken
}

// stateLine is the line of a guard, exit hook or entry hook.
func stateLine[S comparable](point string, s S) string { return fmt.Sprintf("%s %v", point, s) }

// edgeLine is the line of the hook of an edge.
func edgeLine[S comparable](from, to S) string { return fmt.Sprintf("edge %v -> %v", from, to) }
