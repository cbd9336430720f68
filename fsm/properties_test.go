package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leasehold-go/leasehold/fsm"
)

// drawTable draws a table that Define accepts: a tree from state 0, so that all states can
// be reached, and more edges.
func drawTable(rt *rapid.T) fsm.Table[int] {
	states := rapid.IntRange(1, 9).Draw(rt, "states")
	table := fsm.Table[int]{0: nil}
	for s := 1; s < states; s++ {
		parent := rapid.IntRange(0, s-1).Draw(rt, "parent")
		table[parent] = append(table[parent], s)
		table[s] = nil
	}
	for range rapid.IntRange(0, 3*states).Draw(rt, "more edges") {
		from, to := drawState(rt, states), drawState(rt, states)
		if from != to && !slices.Contains(table[from], to) {
			table[from] = append(table[from], to)
		}
	}
	return table
}

func drawState(rt *rapid.T, states int) int { return rapid.IntRange(0, states-1).Draw(rt, "state") }

// A transition that is in the table is made, recorded and stored. Any other leaves state,
// history and stored value unchanged.
func TestRandomWalkStaysInTheTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, held := drawTable(rt), newLease()
		limit := rapid.IntRange(0, 6).Draw(rt, "history")
		m := fsm.New(fsm.MustDefine(0, table), fsm.WithWriter(held), fsm.WithHistory(limit))
		path := []int{0}
		for range rapid.IntRange(0, 40).Draw(rt, "transitions") {
			to := rapid.IntRange(-1, len(table)).Draw(rt, "to") // both ends of the range are unknown states
			path = tryTransition(rt, m, table, held, path, to)
			wantPath(rt, m, path, limit)
		}
	})
}

// tryTransition makes one transition. It returns the path with the transition if the table
// has it.
func tryTransition(rt *rapid.T, m *fsm.Machine[int], table fsm.Table[int], held *scriptedLease, path []int, to int) []int {
	before, stored := m.Snapshot(), held.value
	writes, _ := held.counts()
	from := path[len(path)-1]
	err := m.Transition(context.Background(), to)
	if slices.Contains(table[from], to) {
		if err != nil {
			rt.Fatalf("%d -> %d refused: %v", from, to, err)
		}
		return append(path, to)
	}
	if !errors.Is(err, fsm.ErrInvalidTransition) {
		rt.Fatalf("%d -> %d: got %v, want %v", from, to, err, fsm.ErrInvalidTransition)
	}
	again, _ := held.counts()
	if diff := cmp.Diff(before, m.Snapshot()); diff != "" || writes != again || string(stored) != string(held.value) {
		rt.Fatalf("%d -> %d was refused but left a trace: %d more writes, value %s, was %s (-before +after):\n%s", from, to, again-writes, held.value, stored, diff)
	}
	return path
}

// wantPath checks that the history is the newest part of the path.
func wantPath(rt *rapid.T, m *fsm.Machine[int], path []int, limit int) {
	made := len(path) - 1
	s := m.Snapshot()
	if s.State != path[made] || s.Number != uint64(made) || len(s.History) != min(limit, made) {
		rt.Fatalf("state %d, number %d, %d entries, want state %d, number %d, %d entries", s.State, s.Number, len(s.History), path[made], made, min(limit, made))
	}
	for i, tr := range s.History {
		number := made - len(s.History) + 1 + i
		if tr.Number != uint64(number) || tr.From != path[number-1] || tr.To != path[number] {
			rt.Fatalf("entry %d is %+v, want transition %d from %d to %d", i, tr, number, path[number-1], path[number])
		}
	}
}

// attempt is one call of one of several callers. Its cause is unique.
type attempt struct {
	to    int
	reset bool
	cause string
	err   error
}

func (a *attempt) call(m *fsm.Machine[int]) {
	if a.reset {
		a.err = m.Reset(context.Background(), a.cause)
		return
	}
	a.err = m.TransitionWithCause(context.Background(), a.to, a.cause)
}

// The history of a machine with concurrent callers is one path in the table, and each
// caller gets the result of its own call.
func TestConcurrentCallersMakeOnePath(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, held := drawTable(rt), newLease()
		callers := drawAttempts(rt, len(table))
		m := drawMachine(rt, table, held)
		var done sync.WaitGroup
		for _, own := range callers {
			done.Go(func() {
				for i := range own {
					own[i].call(m)
				}
			})
		}
		done.Wait()
		past := m.History()
		wantPathInTable(rt, table, past)
		wantOwnResults(rt, slices.Concat(callers...), past)
		if s := m.Snapshot(); s.Number != uint64(len(past)) {
			rt.Fatalf("number %d, but %d transitions", s.Number, len(past))
		}
	})
}

// drawMachine draws a machine with or without a hook, and with or without a lease.
func drawMachine(rt *rapid.T, table fsm.Table[int], held *scriptedLease) *fsm.Machine[int] {
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

// drawAttempts draws the calls of several callers.
func drawAttempts(rt *rapid.T, states int) [][]attempt {
	callers := make([][]attempt, rapid.IntRange(1, 6).Draw(rt, "callers"))
	for c := range callers {
		callers[c] = make([]attempt, rapid.IntRange(0, 20).Draw(rt, "calls"))
		for i := range callers[c] {
			callers[c][i] = attempt{
				to:    drawState(rt, states),
				reset: rapid.IntRange(0, 9).Draw(rt, "reset") == 0,
				cause: fmt.Sprintf("%d/%d", c, i),
			}
		}
	}
	return callers
}

// wantPathInTable checks that the history is one path in the table, apart from resets.
func wantPathInTable(rt *rapid.T, table fsm.Table[int], past []fsm.Transition[int]) {
	at := 0
	for i, tr := range past {
		if tr.Number != uint64(i+1) || tr.From != at {
			rt.Fatalf("entry %d is %+v, but the entry before it ends in %d", i, tr, at)
		}
		if tr.Forced && tr.To != 0 || !tr.Forced && !slices.Contains(table[tr.From], tr.To) {
			rt.Fatalf("entry %d is not in the table: %+v", i, tr)
		}
		at = tr.To
	}
}

// wantOwnResults checks that each caller got the result of its own call.
func wantOwnResults(rt *rapid.T, all []attempt, past []fsm.Transition[int]) {
	made := make(map[string]fsm.Transition[int], len(past))
	for _, tr := range past {
		made[tr.Cause] = tr
	}
	succeeded := 0
	for _, w := range all {
		tr, ok := made[w.cause]
		switch {
		case ok != (w.err == nil):
			rt.Fatalf("call %+v got error %v, but the history has %+v", w, w.err, tr)
		case ok && (tr.Forced != w.reset || !w.reset && tr.To != w.to):
			rt.Fatalf("call %+v is in the history as %+v", w, tr)
		case !ok && !errors.Is(w.err, fsm.ErrInvalidTransition):
			rt.Fatalf("call %+v failed with %v", w, w.err)
		case ok:
			succeeded++
		}
		if refused, not := errors.AsType[*fsm.TransitionError[int]](w.err); not && refused.To != w.to {
			rt.Fatalf("call %+v got the error of another call: %v", w, w.err)
		}
	}
	if succeeded != len(past) {
		rt.Fatalf("%d calls succeeded, but the history has %d transitions", succeeded, len(past))
	}
}

// Readers that run concurrently with callers see consistent snapshots and histories.
func TestReadersSeeConsistentMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		m := drawMachine(rt, table, newLease())
		callers := drawAttempts(rt, len(table))
		stop := make(chan struct{})
		var callerGroup, readers sync.WaitGroup
		inconsistent := make(chan string, 1)
		readers.Go(func() { inconsistent <- readUntil(m, stop) })
		for _, own := range callers {
			callerGroup.Go(func() {
				for i := range own {
					own[i].call(m)
				}
			})
		}
		callerGroup.Wait()
		close(stop)
		readers.Wait()
		if found := <-inconsistent; found != "" {
			rt.Fatal(found)
		}
	})
}

// readUntil reads the machine until stop is closed. It returns the first inconsistency that
// it finds.
func readUntil(m *fsm.Machine[int], stop <-chan struct{}) string {
	for {
		s := m.Snapshot()
		if n := len(s.History); uint64(n) != s.Number ||
			n > 0 && (s.History[n-1].To != s.State || !s.History[n-1].At.Equal(s.Since)) {
			return fmt.Sprintf("inconsistent snapshot: %+v", s)
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

// Guards, hooks and writes that refuse at random leave no trace.
func TestRandomRefusalsLeaveNoTrace(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, held := drawTable(rt), newLease()
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
		for range rapid.IntRange(0, 30).Draw(rt, "transitions") {
			guard, before, write = drawError(rt, "guard"), drawError(rt, "before"), drawError(rt, "write")
			was, stored, to := m.Snapshot(), held.value, drawState(rt, len(table))
			want := def.Can(was.State, to) && errors.Join(guard, before, write) == nil
			err := m.Transition(context.Background(), to)
			if want != (err == nil) {
				rt.Fatalf("%d -> %d: %v, want success %v", was.State, to, err, want)
			}
			if diff := cmp.Diff(was, m.Snapshot()); !want && (diff != "" || string(stored) != string(held.value)) {
				rt.Fatalf("a refusal (%v) left a trace (-before +after):\n%s", err, diff)
			}
		}
	})
}

// drawError draws nil or an error.
func drawError(rt *rapid.T, name string) error {
	if rapid.IntRange(0, 3).Draw(rt, name) == 0 {
		return fmt.Errorf("%s: %w", name, errBoom)
	}
	return nil
}

// A definition without code makes its transitions on a shorter way: with the same results as a
// machine with an observer, which goes the long way.
func TestMachineWithoutCodeMovesAsOneWithAnObserver(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := drawTable(rt)
		in := &interpreter{table: table, self: make(map[int]string), code: make(map[string]bool), reached: make(map[string]int)}
		def := fsm.MustDefine(0, table)
		in.drawHierarchy(rt, &def)
		in.drawLocal(rt, &def)
		events := []fsm.Signal{fsm.NewSignal("unknown")}
		for s := range len(table) {
			in.add(&def, rapid.SampledFrom([]func(int) fsm.Rule[int]{fsm.Self[int], fsm.Reenter[int]}).Draw(rt, "self")(s))
			e := fsm.NewSignal(fmt.Sprint("e", s))
			events = append(events, e)
			for range 3 {
				from := rapid.SampledFrom([]fsm.Source[int]{fsm.FromAny[int](), fsm.From(drawState(rt, len(table)))}).Draw(rt, "from")
				in.add(&def, rapid.SampledFrom([]fsm.Rule[int]{fsm.On(e, from, s), fsm.Internal(e, from), fsm.Ignore(e, from)}).Draw(rt, "rule"))
			}
		}
		inBubble(t, rt, func() {
			short := fsm.New(def)
			observed := fsm.New(def, fsm.WithObserver(func(context.Context, fsm.Result[int]) {}))
			for i := range rapid.IntRange(1, 40).Draw(rt, "calls") {
				var call func(*fsm.Machine[int]) error
				if cause := fmt.Sprint(i); rapid.Bool().Draw(rt, "fire") {
					e := rapid.SampledFrom(events).Draw(rt, "event")
					call = func(m *fsm.Machine[int]) error { return m.FireWithCause(t.Context(), e, cause) }
				} else {
					to := rapid.IntRange(-1, len(table)).Draw(rt, "to")
					call = func(m *fsm.Machine[int]) error { return m.TransitionWithCause(t.Context(), to, cause) }
				}
				got, want := call(short), call(observed)
				if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) })); diff != "" {
					rt.Fatalf("the result differs (-observed +short):\n%s", diff)
				}
				if diff := cmp.Diff(observed.Snapshot(), short.Snapshot()); diff != "" {
					rt.Fatalf("after %v the machine differs (-observed +short):\n%s", got, diff)
				}
				time.Sleep(time.Millisecond)
			}
		})
	})
}
