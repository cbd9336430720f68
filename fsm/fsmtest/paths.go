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

// Paths returns paths from the initial state that together take every edge, and so reach
// every state. Each path is a shortest path to the source of its last edge, and that edge.
// No path is the beginning of another. The result depends on the definition alone.
//
// With a hierarchy, Paths takes the edges of the leaves, which include the edges of the
// states around them. A path is then its first state and the targets to ask for, one
// after the other; see [fsm.Definition.Path], also for history states.
func Paths[S comparable](def *fsm.Definition[S]) [][]S {
	var all [][]S
	for from, to := range edges(def) {
		all = append(all, append(def.Path(def.Initial(), from), to))
	}
	// Long paths first: a long path may take the last edge of a shorter one.
	slices.SortStableFunc(all, func(a, b []S) int { return len(b) - len(a) })

	type edge struct{ leaf, target S }
	taken := make(map[edge]bool)
	var paths [][]S
	for _, path := range all {
		var route []edge
		leaf := path[0]
		for _, target := range path[1:] {
			route = append(route, edge{leaf, target})
			leaf = initialLeaf(def, target)
		}
		if taken[route[len(route)-1]] {
			continue
		}
		for _, e := range route {
			taken[e] = true
		}
		paths = append(paths, path)
	}
	slices.Reverse(paths)
	return paths
}

// Cover makes the transitions of every path of [Paths], each path with a new machine in a
// subtest. A refused transition fails the subtest.
func Cover[S comparable](t *testing.T, def *fsm.Definition[S], settings ...Setting[S]) {
	t.Helper()
	c := configure(t, def, settings)
	for _, path := range Paths(def) {
		var title []string
		for _, s := range path {
			title = append(title, fmt.Sprint(s))
		}
		t.Run(strings.Join(title, " -> "), func(t *testing.T) {
			inBubble(t, def, t.Failed, func() {
				m := fsm.New(def, c.options...)
				defer m.Close(context.Background())
				for _, to := range path[1:] {
					if err := m.Transition(context.Background(), to); err != nil {
						t.Error(err)
						return
					}
				}
			})
		})
	}
}

// inBubble runs f, and in a bubble of testing/synctest if the definition has timeouts. A
// panic of f leaves the bubble. rapid panics to fail a test and to give up an attempt to
// shrink a failure, and tells panics apart by their stack traces, so there are two places
// that panic.
func inBubble[S comparable](t *testing.T, def *fsm.Definition[S], failed func() bool, f func()) {
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

// initialLeaf returns the leaf that is entered with a state, if history states remember
// nothing.
func initialLeaf[S comparable](def *fsm.Definition[S], s S) S {
	if of, _, history := def.HistoryState(s); history {
		s = of
	}
	for len(def.Children(s)) > 0 {
		s = def.Children(s)[0]
	}
	return s
}

// edges yields the edges of the leaves by source and target, in the order of the states.
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
