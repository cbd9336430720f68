package fsmtest

import (
	"context"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// probe notes what runs in the course of one call.
type probe[S comparable] struct {
	lines   []string
	outcome error // what the finally hook was told
	lenient bool  // the definition has an unhandled hook, whose answer counts
}

// attach derives a definition that runs the probe after the definition's own rules
// at every point.
func attach[S comparable](t testing.TB, def *fsm.Definition[S]) (*fsm.Definition[S], *probe[S]) {
	p := new(probe[S])
	rules := []fsm.Rule[S]{fsm.Before(p.note("before")), fsm.After(p.note("after")), fsm.Finally(p.end)}
	for _, from := range def.States() {
		rules = append(rules,
			fsm.Guard(from, "fsmtest", p.note(at("guard", from))),
			fsm.Exit(from, p.note(at("exit", from))),
			fsm.Enter(from, p.note(at("enter", from))))
		for _, to := range def.Next(from) {
			rules = append(rules, fsm.Along(from, to, p.note(along(from, to))))
		}
	}
	probed, err := def.With(rules...)
	if err != nil {
		t.Fatalf("fsmtest: %v", err)
	}
	_, err = def.With(fsm.Unhandled(func(_ context.Context, e *fsm.EventError[S]) error { return e }))
	p.lenient = err != nil // there is one already
	return probed, p
}

func at[S comparable](what string, s S) string { return fmt.Sprintf("%s %v", what, s) }

func along[S comparable](from, to S) string { return fmt.Sprintf("edge %v -> %v", from, to) }

func (p *probe[S]) note(line string) func(context.Context, fsm.Transition[S]) error {
	return func(context.Context, fsm.Transition[S]) error {
		p.lines = append(p.lines, line)
		return nil
	}
}

func (p *probe[S]) end(_ context.Context, _ fsm.Transition[S], err error) {
	p.lines = append(p.lines, "finally")
	p.outcome = err
}

func (p *probe[S]) clear() { p.lines, p.outcome = nil, nil }
