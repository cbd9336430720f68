package fsmtest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/leasehold-go/leasehold/fsm"
)

// Paths returns walks from the initial state that together take every edge, and so
// reach every state. Each is a shortest way to its last edge; none is part of
// another's beginning. A definition has always the same.
//
// With a hierarchy the edges are those of the leaves, those from the states around
// them included, and a walk is what to ask for after the state in which it begins; see
// [fsm.Definition.Path], also for history states.
func Paths[S comparable](def *fsm.Definition[S]) [][]S {
	var all [][]S
	for from, to := range edges(def) {
		all = append(all, append(def.Path(def.Initial(), from), to))
	}
	slices.SortStableFunc(all, func(a, b []S) int { return len(b) - len(a) }) // the longer may take the shorter with them
	taken := make(map[step[S]]bool)
	var paths [][]S
	for _, path := range all {
		way := steps(def, path)
		if taken[way[len(way)-1]] {
			continue
		}
		for _, s := range way {
			taken[s] = true
		}
		paths = append(paths, path)
	}
	slices.Reverse(paths)
	return paths
}

// step is an edge of a leaf.
type step[S comparable] struct{ from, ask S }

// steps are the edges that a path takes.
func steps[S comparable](def *fsm.Definition[S], path []S) (all []step[S]) {
	at := path[0]
	for _, ask := range path[1:] {
		all = append(all, step[S]{at, ask})
		at = entered(def, ask)
	}
	return all
}

// entered is the leaf that is entered with a state, if nothing is remembered.
func entered[S comparable](def *fsm.Definition[S], s S) S {
	if of, _, history := def.HistoryState(s); history {
		s = of
	}
	for len(def.Children(s)) > 0 {
		s = def.Children(s)[0]
	}
	return s
}

// Cover takes every walk of [Paths], each with a new machine in a subtest of its
// own. A step that a guard or hook refuses fails it.
func Cover[S comparable](t *testing.T, def *fsm.Definition[S]) {
	for _, path := range Paths(def) {
		t.Run(title(path), func(t *testing.T) {
			timeless(t, def, t.Failed, func() { take(t, def, path) })
		})
	}
}

func take[S comparable](t *testing.T, def *fsm.Definition[S], path []S) {
	m := fsm.New(def)
	defer m.Close(context.Background())
	for _, to := range path[1:] {
		if err := m.Transition(context.Background(), to); err != nil {
			t.Error(err)
			return
		}
	}
}

// timeless runs f where time stands still but for those who wait, if the definition
// has timeouts. What f panics with comes out of it: a verdict at another line than what
// ends rapid's attempts to simplify one, which it tells apart by where they come from.
func timeless[S comparable](t *testing.T, def *fsm.Definition[S], failed func() bool, f func()) {
	if len(def.Timeouts()) == 0 {
		f()
		return
	}
	var panicked any
	synctest.Test(t, func(*testing.T) {
		defer func() { panicked = recover() }()
		f()
	})
	switch {
	case panicked != nil && failed():
		panic(panicked)
	case panicked != nil:
		panic(panicked)
	}
}

func title[S comparable](path []S) string {
	steps := make([]string, len(path))
	for i, s := range path {
		steps[i] = fmt.Sprint(s)
	}
	return strings.Join(steps, " -> ")
}

// edges yields the edges of a definition's leaves, in the order of its states.
func edges[S comparable](def *fsm.Definition[S]) iter.Seq2[S, S] {
	return func(yield func(S, S) bool) {
		for _, from := range def.States() {
			if _, _, history := def.HistoryState(from); history || len(def.Children(from)) > 0 {
				continue
			}
			for _, to := range def.Next(from) {
				if !yield(from, to) {
					return
				}
			}
		}
	}
}
