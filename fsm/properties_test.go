package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// tables draws a table that Define accepts: a tree from state 0, so that all
// can be reached, and edges thrown in.
func tables(rt *rapid.T) fsm.Table[int] {
	states := rapid.IntRange(1, 9).Draw(rt, "states")
	table := fsm.Table[int]{0: nil}
	for s := 1; s < states; s++ {
		parent := rapid.IntRange(0, s-1).Draw(rt, "parent")
		table[parent] = append(table[parent], s)
		table[s] = nil
	}
	for range rapid.IntRange(0, 3*states).Draw(rt, "more edges") {
		from, to := pick(rt, states), pick(rt, states)
		if from != to && !slices.Contains(table[from], to) {
			table[from] = append(table[from], to)
		}
	}
	return table
}

func pick(rt *rapid.T, states int) int { return rapid.IntRange(0, states-1).Draw(rt, "state") }

// Whatever is asked for: a step of the table is made, recorded and stored, and
// any other leaves no trace anywhere.
func TestRandomWalkStaysInTheTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, held := tables(rt), newLease()
		limit := rapid.IntRange(0, 6).Draw(rt, "history")
		m := fsm.New(fsm.MustDefine(0, table), fsm.WithWriter(held), fsm.WithHistory(limit))
		path := []int{0}
		for range rapid.IntRange(0, 40).Draw(rt, "steps") {
			ask := rapid.IntRange(-1, len(table)).Draw(rt, "ask") // both ends are no states
			path = stepOrNot(rt, m, table, held, path, ask)
			wantPath(rt, m, path, limit)
		}
	})
}

// stepOrNot asks for one step and returns the path with it, if it was in the
// table.
func stepOrNot(rt *rapid.T, m *fsm.Machine[int], table fsm.Table[int], held *scripted, path []int, ask int) []int {
	before, stored := m.Snapshot(), held.value
	writes, _ := held.counts()
	from := path[len(path)-1]
	err := m.Transition(context.Background(), ask)
	if slices.Contains(table[from], ask) {
		if err != nil {
			rt.Fatalf("%d -> %d refused: %v", from, ask, err)
		}
		return append(path, ask)
	}
	if !errors.Is(err, fsm.ErrInvalidTransition) {
		rt.Fatalf("%d -> %d: got %v, want %v", from, ask, err, fsm.ErrInvalidTransition)
	}
	again, _ := held.counts()
	if diff := cmp.Diff(before, m.Snapshot()); diff != "" || writes != again || string(stored) != string(held.value) {
		rt.Fatalf("%d -> %d left a trace: %d writes more, value %s, was %s (-before +after):\n%s", from, ask, again-writes, held.value, stored, diff)
	}
	return path
}

// wantPath checks that the history is the newest part of the path.
func wantPath(rt *rapid.T, m *fsm.Machine[int], path []int, limit int) {
	made := len(path) - 1
	s := m.Snapshot()
	if s.State != path[made] || s.Number != uint64(made) || len(s.History) != min(limit, made) {
		rt.Fatalf("in %d after %d with %d entries, want %d after %d with %d", s.State, s.Number, len(s.History), path[made], made, min(limit, made))
	}
	for i, tr := range s.History {
		number := made - len(s.History) + 1 + i
		if tr.Number != uint64(number) || tr.From != path[number-1] || tr.To != path[number] {
			rt.Fatalf("entry %d is %+v, want step %d from %d to %d", i, tr, number, path[number-1], path[number])
		}
	}
}

// wish is one call of one of many callers. Its cause tells it from all others.
type wish struct {
	to    int
	reset bool
	cause string
	err   error
}

func (w *wish) ask(m *fsm.Machine[int]) {
	if w.reset {
		w.err = m.Reset(context.Background(), w.cause)
		return
	}
	w.err = m.TransitionWithCause(context.Background(), w.to, w.cause)
}

// Whoever asks for what at the same time: the history is one walk in the table,
// and each caller's answer is about its own wish.
func TestConcurrentCallersMakeOneWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, held := tables(rt), newLease()
		callers := wishes(rt, len(table))
		m := machines(rt, table, held)
		var done sync.WaitGroup
		for _, own := range callers {
			done.Go(func() {
				for i := range own {
					own[i].ask(m)
				}
			})
		}
		done.Wait()
		past := m.History()
		wantWalk(rt, table, past)
		wantOwnAnswers(rt, slices.Concat(callers...), past)
		if s := m.Snapshot(); s.Number != uint64(len(past)) {
			rt.Fatalf("number %d, but %d transitions", s.Number, len(past))
		}
	})
}

// machines draws a machine that runs no user code, or does, or has a lease.
func machines(rt *rapid.T, table fsm.Table[int], held *scripted) *fsm.Machine[int] {
	def := fsm.MustDefine(0, table)
	if rapid.Bool().Draw(rt, "hooks") {
		def = fsm.MustDefine(0, table, fsm.After(func(context.Context, fsm.Transition[int]) error { return nil }))
	}
	opts := []fsm.Option{fsm.WithHistory(1000)}
	if rapid.Bool().Draw(rt, "lease") {
		opts = append(opts, fsm.WithWriter(held))
	}
	return fsm.New(def, opts...)
}

func wishes(rt *rapid.T, states int) [][]wish {
	callers := make([][]wish, rapid.IntRange(1, 6).Draw(rt, "callers"))
	for c := range callers {
		callers[c] = make([]wish, rapid.IntRange(0, 20).Draw(rt, "wishes"))
		for i := range callers[c] {
			callers[c][i] = wish{
				to:    pick(rt, states),
				reset: rapid.IntRange(0, 9).Draw(rt, "reset") == 0,
				cause: fmt.Sprintf("%d/%d", c, i),
			}
		}
	}
	return callers
}

func wantWalk(rt *rapid.T, table fsm.Table[int], past []fsm.Transition[int]) {
	at := 0
	for i, tr := range past {
		if tr.Number != uint64(i+1) || tr.From != at {
			rt.Fatalf("entry %d is %+v, and the one before it ended in %d", i, tr, at)
		}
		if tr.Forced && tr.To != 0 || !tr.Forced && !slices.Contains(table[tr.From], tr.To) {
			rt.Fatalf("entry %d is not in the table: %+v", i, tr)
		}
		at = tr.To
	}
}

func wantOwnAnswers(rt *rapid.T, all []wish, past []fsm.Transition[int]) {
	made := make(map[string]fsm.Transition[int], len(past))
	for _, tr := range past {
		made[tr.Cause] = tr
	}
	succeeded := 0
	for _, w := range all {
		tr, ok := made[w.cause]
		switch {
		case ok != (w.err == nil):
			rt.Fatalf("wish %+v got %v, but history says %+v", w, w.err, tr)
		case ok && (tr.Forced != w.reset || !w.reset && tr.To != w.to):
			rt.Fatalf("wish %+v became %+v", w, tr)
		case !ok && !errors.Is(w.err, fsm.ErrInvalidTransition):
			rt.Fatalf("wish %+v failed with %v", w, w.err)
		case ok:
			succeeded++
		}
		if refused, not := errors.AsType[*fsm.TransitionError[int]](w.err); not && refused.To != w.to {
			rt.Fatalf("wish %+v was handed the error of another: %v", w, w.err)
		}
	}
	if succeeded != len(past) {
		rt.Fatalf("%d callers were told of success, %d transitions were made", succeeded, len(past))
	}
}

// A reader beside any writers sees a machine of one piece.
func TestReadersSeeOnePiece(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := tables(rt)
		m := machines(rt, table, newLease())
		callers := wishes(rt, len(table))
		stop := make(chan struct{})
		var writers, readers sync.WaitGroup
		torn := make(chan string, 1)
		readers.Go(func() { torn <- watch(m, stop) })
		for _, own := range callers {
			writers.Go(func() {
				for i := range own {
					own[i].ask(m)
				}
			})
		}
		writers.Wait()
		close(stop)
		readers.Wait()
		if what := <-torn; what != "" {
			rt.Fatal(what)
		}
	})
}

// watch looks until it is stopped, and says what does not fit together.
func watch(m *fsm.Machine[int], stop <-chan struct{}) string {
	for {
		s := m.Snapshot()
		if n := len(s.History); uint64(n) != s.Number ||
			n > 0 && (s.History[n-1].To != s.State || !s.History[n-1].At.Equal(s.Since)) {
			return fmt.Sprintf("torn snapshot: %+v", s)
		}
		for i, tr := range m.History() {
			if tr.Number != uint64(i+1) || i < len(s.History) && tr != s.History[i] {
				return fmt.Sprintf("entry %d is %+v after %+v", i, tr, s)
			}
		}
		select {
		case <-stop:
			return ""
		default:
		}
	}
}

// Guards and hooks that say no at random: what was refused left no trace.
func TestRandomVetoesLeaveNoTrace(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, held := tables(rt), newLease()
		var guard, before, write error
		def := fsm.MustDefine(0, table, fsm.Before(func(context.Context, fsm.Transition[int]) error { return before }))
		for s := range len(table) {
			var err error
			if def, err = def.With(fsm.Guard(s, "g", func(context.Context, fsm.Transition[int]) error { return guard })); err != nil {
				rt.Fatal(err)
			}
		}
		held.answer = func() error { return write }
		m := fsm.New(def, fsm.WithWriter(held))
		for range rapid.IntRange(0, 30).Draw(rt, "steps") {
			guard, before, write = maybe(rt, "guard"), maybe(rt, "before"), maybe(rt, "write")
			was, stored, to := m.Snapshot(), held.value, pick(rt, len(table))
			want := def.Can(was.State, to) && errors.Join(guard, before, write) == nil
			err := m.Transition(context.Background(), to)
			if want != (err == nil) {
				rt.Fatalf("%d -> %d: %v, want success %v", was.State, to, err, want)
			}
			if diff := cmp.Diff(was, m.Snapshot()); !want && (diff != "" || string(stored) != string(held.value)) {
				rt.Fatalf("%v left a trace (-before +after):\n%s", err, diff)
			}
		}
	})
}

func maybe(rt *rapid.T, who string) error {
	if rapid.IntRange(0, 3).Draw(rt, who) == 0 {
		return fmt.Errorf("%s: %w", who, errBoom)
	}
	return nil
}
