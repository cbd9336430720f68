package fsmdraw_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/fsm/fsmdraw"
)

// BenchmarkDraw doubles each part of a drawing.
func BenchmarkDraw(b *testing.B) {
	ring := func(n int) fsm.Table[int] {
		t := make(fsm.Table[int], n)
		for i := range n {
			t[i] = []int{(i + 1) % n}
		}
		return t
	}
	made := map[string]func(n int) *fsm.Definition[int]{
		"states": func(n int) *fsm.Definition[int] { return fsm.MustDefine(0, ring(n)) },
		"children": func(n int) *fsm.Definition[int] {
			t := ring(n)
			t[n] = nil
			children := make([]int, n)
			for i := range children {
				children[i] = i
			}
			return fsm.MustDefine(0, t, fsm.Substates(n, children...))
		},
		"parents": func(n int) *fsm.Definition[int] {
			t := ring(2 * n)
			var rules []fsm.Rule[int]
			for i := range n {
				t[2*n+i] = nil
				rules = append(rules, fsm.Substates(2*n+i, 2*i, 2*i+1))
			}
			return fsm.MustDefine(0, t, rules...)
		},
		"events": func(n int) *fsm.Definition[int] {
			var rules []fsm.Rule[int]
			for i := range n {
				rules = append(rules, fsm.On(fsm.NewSignal(fmt.Sprint(i)), fsm.From(0), 1))
			}
			return fsm.MustDefine(0, ring(2), rules...)
		},
		"ignored events": func(n int) *fsm.Definition[int] {
			var rules []fsm.Rule[int]
			for i := range n {
				rules = append(rules, fsm.Ignore(fsm.NewSignal(fmt.Sprint(i)), fsm.From(0)))
			}
			return fsm.MustDefine(0, ring(2), rules...)
		},
	}
	for name, define := range made {
		for _, n := range []int{1000, 2000, 4000} {
			def := define(n)
			m := fsm.New(def, fsm.WithHistory(n))
			for range n {
				if err := m.Transition(context.Background(), m.Next()[0]); err != nil {
					b.Fatal(err)
				}
			}
			taken := fsmdraw.Taken(m.History())
			for notation, draw := range map[string]func(*fsm.Definition[int], ...fsmdraw.Mark[int]) string{"dot": fsmdraw.DOT[int], "mermaid": fsmdraw.Mermaid[int]} {
				b.Run(fmt.Sprintf("%s=%d/%s", name, n, notation), func(b *testing.B) {
					for b.Loop() {
						draw(def, taken)
					}
				})
			}
		}
	}
}
