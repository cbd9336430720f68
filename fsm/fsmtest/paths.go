package fsmtest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// Paths returns walks from the initial state that together take every edge, and so
// reach every state. Each is a shortest way to its last edge; none is part of
// another's beginning. A definition has always the same.
func Paths[S comparable](def *fsm.Definition[S]) [][]S {
	type edge struct{ from, to S }
	var all [][]S
	for from, to := range edges(def) {
		all = append(all, append(def.Path(def.Initial(), from), to))
	}
	slices.SortStableFunc(all, func(a, b []S) int { return len(b) - len(a) }) // the longer may take the shorter with them
	taken := make(map[edge]bool)
	var paths [][]S
	for _, path := range all {
		n := len(path)
		if taken[edge{path[n-2], path[n-1]}] {
			continue
		}
		for i := range n - 1 {
			taken[edge{path[i], path[i+1]}] = true
		}
		paths = append(paths, path)
	}
	slices.Reverse(paths)
	return paths
}

// Cover takes every walk of [Paths], each with a new machine in a subtest of its
// own. A step that a guard or hook refuses fails it.
func Cover[S comparable](t *testing.T, def *fsm.Definition[S]) {
	for _, path := range Paths(def) {
		t.Run(title(path), func(t *testing.T) {
			m := fsm.New(def)
			for _, to := range path[1:] {
				if err := m.Transition(context.Background(), to); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func title[S comparable](path []S) string {
	steps := make([]string, len(path))
	for i, s := range path {
		steps[i] = fmt.Sprint(s)
	}
	return strings.Join(steps, " -> ")
}

// edges yields the edges of a definition, in the order of its states.
func edges[S comparable](def *fsm.Definition[S]) iter.Seq2[S, S] {
	return func(yield func(S, S) bool) {
		for _, from := range def.States() {
			for _, to := range def.Next(from) {
				if !yield(from, to) {
					return
				}
			}
		}
	}
}
