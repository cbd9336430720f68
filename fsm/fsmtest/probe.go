package fsmtest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// probe notes what runs in the course of one call.
type probe[S comparable] struct {
	mu      sync.Mutex // a timeout is on a goroutine of its own
	lines   []string
	outcome error // what the finally hook was told
	failed  error // what the hook for failed timeouts was told
	lenient bool  // the definition has an unhandled hook, whose answer counts
}

// attach derives a definition that runs the probe after the definition's own rules
// at every point.
func attach[S comparable](t testing.TB, def *fsm.Definition[S]) (*fsm.Definition[S], *probe[S]) {
	p := new(probe[S])
	rules := []fsm.Rule[S]{fsm.Before(p.note("before")), fsm.After(p.note("after")), fsm.Finally(p.end), fsm.OnTimeoutError(p.late)}
	for _, from := range def.States() {
		if _, _, history := def.HistoryState(from); history {
			continue
		}
		rules = append(rules,
			fsm.Guard(from, "fsmtest", p.note(at("guard", from))),
			fsm.OnExit(from, p.note(at("exit", from))),
			fsm.OnEntry(from, p.note(at("enter", from))))
	}
	for from, to := range edges(def) {
		rules = append(rules, fsm.OnEdge(from, to, p.note(along(from, to))))
	}
	probed, err := def.With(rules...)
	if err != nil {
		t.Fatalf("fsmtest: %v", err)
	}
	_, err = def.With(fsm.OnUnhandled(func(_ context.Context, e *fsm.EventError[S]) error { return e }))
	p.lenient = err != nil // there is one already
	return probed, p
}

func at[S comparable](what string, s S) string { return fmt.Sprintf("%s %v", what, s) }

func along[S comparable](from, to S) string { return fmt.Sprintf("edge %v -> %v", from, to) }

func (p *probe[S]) note(line string) func(context.Context, fsm.Transition[S]) error {
	return func(context.Context, fsm.Transition[S]) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.lines = append(p.lines, line)
		return nil
	}
}

func (p *probe[S]) end(_ context.Context, _ fsm.Transition[S], err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines = append(p.lines, "finally")
	p.outcome = err
}

func (p *probe[S]) late(_ context.Context, err *fsm.TransitionError[S]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = err
}

func (p *probe[S]) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines, p.outcome, p.failed = nil, nil, nil
}
