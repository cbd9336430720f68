package fsm_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// observing returns a definition in which a timeout leads from warming to idle after 30 s, and
// code at every place of a change that it runs. No code returns an error except that of the
// guard: refused.
func observing(t *testing.T, at func(ctx context.Context, place string), refused error) *fsm.Definition[state] {
	runs := func(place string) hook {
		return func(ctx context.Context, tr transition) error {
			if tr.Cause != "" {
				at(ctx, place)
			}
			return nil
		}
	}
	return with(t, fsm.Timeout(warming, 30*time.Second, idle), fsm.Timeout(warming, time.Hour, stopping),
		fsm.Guard(idle, "g", func(ctx context.Context, _ transition) error { at(ctx, "guard"); return refused }),
		fsm.Before(runs("before")), fsm.OnExit(warming, runs("exit")), fsm.OnEntry(idle, runs("enter")), fsm.After(runs("after")),
		fsm.TimeoutFunc(idle, "never", func(ctx context.Context, tr transition) time.Duration {
			if tr.Number > 0 {
				at(ctx, "timeout func")
			}
			return time.Hour
		}, starting),
		fsm.Finally(func(ctx context.Context, tr transition, _ error) { _ = runs("finally")(ctx, tr) }),
		fsm.OnTimeoutError(func(ctx context.Context, _ *fsm.TransitionError[state]) { at(ctx, "timeout error") }))
}

// pendingOf returns the timeouts of a snapshot.
func pendingOf(s snapshot) (all []string) {
	for _, p := range s.Timeouts {
		all = append(all, fmt.Sprint(p.State, ">", p.To))
	}
	return all
}

// A snapshot shows a timeout until its transition is committed, wherever it is taken and from
// whatever goroutine, and a machine that is restored from it carries the timeout out.
func TestSnapshotDuringATimeoutKeepsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var seen []string
		var taken []snapshot
		held := newLease()
		see := func(_ context.Context, place string) {
			var s snapshot
			var reading sync.WaitGroup
			reading.Go(func() { s = m.Snapshot() }) // of another goroutine
			reading.Wait()
			if diff := cmp.Diff(s, m.Snapshot()); diff != "" {
				t.Errorf("two snapshots differ:\n%s", diff)
			}
			seen, taken = append(seen, fmt.Sprint(place, " in ", s.State, " ", pendingOf(s))), append(taken, s)
		}
		def := observing(t, see, nil)
		m = fsm.New(def, fsm.WithWriter(held))
		defer m.Close(context.Background())
		held.answer = func() error {
			if m.State() == warming {
				see(nil, "write")
			}
			return nil
		}
		walk(t, m, starting, warming)
		later(30 * time.Second)
		before, after := " in warming [warming>idle warming>stopping]", " in idle [idle>starting]"
		want := []string{"guard" + before, "before" + before, "timeout func" + before, "write" + before, "exit" + after, "enter" + after, "after" + after, "finally" + after}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("snapshots (-want +got):\n%s", diff)
		}
		wantStored(t, held, m)
		for _, s := range slices.Clone(taken) {
			m, err := fsm.Restore(def, s)
			if err != nil {
				t.Fatal(err)
			}
			later(time.Second)
			if m.State() != idle || m.Snapshot().Number != 3 {
				t.Errorf("restored from %s with %v: in %s", s.State, pendingOf(s), m.State())
			}
			_ = m.Close(context.Background())
		}
	})
}

// A timeout that is refused is over: it shows in no later snapshot or value, and a change that
// is queued meanwhile does not carry it out again.
func TestRefusedTimeoutIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *fsm.Machine[state]
		var seen []string
		def, err := observing(t, func(ctx context.Context, place string) {
			seen = append(seen, fmt.Sprint(place, " ", pendingOf(m.Snapshot())))
			if place == "guard" {
				if err := m.Transition(ctx, warming); err != nil { // queued
					t.Error(err)
				}
			}
		}, errBoom).With(fsm.Self(warming))
		if err != nil {
			t.Fatal(err)
		}
		held := newLease()
		m = fsm.New(def, fsm.WithWriter(held), fsm.WithQueue(9, func(_ context.Context, err error) { t.Error(err) }))
		defer m.Close(context.Background())
		walk(t, m, starting, warming)
		later(time.Minute)
		want := []string{"guard [warming>idle warming>stopping]", "finally [warming>stopping]", "timeout error [warming>stopping]"}
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Errorf("snapshots (-want +got):\n%s", diff)
		}
		wantState(t, m, warming, 3) // the queued transition by the Self rule
		wantStored(t, held, m)
		if got := pendingOf(m.Snapshot()); len(got) != 1 || got[0] != "warming>stopping" {
			t.Errorf("pending: %v", got)
		}
		wantAt(t, m, time.Hour, stopping)
	})
}

// A timeout whose own edge is that of a Self rule, or enters its state again, fires once each
// time it has run.
func TestTimeoutToItsOwnStateFiresOnce(t *testing.T) {
	for name, c := range map[string]struct {
		rule stateRule
		want uint64 // transitions after the timeout
	}{"self": {fsm.Self(warming), 1}, "reenter": {fsm.Reenter(warming), 3}} {
		synctest.Test(t, func(t *testing.T) {
			held := newLease()
			m, failed := timed(t, with(t, c.rule, fsm.Timeout(warming, time.Minute, warming)), fsm.WithWriter(held))
			walk(t, m, starting, warming)
			later(3*time.Minute + time.Second)
			if s := m.Snapshot(); s.Number != 2+c.want || len(*failed) > 0 {
				t.Errorf("%s: %d transitions, %v", name, s.Number-2, *failed)
			}
			wantStored(t, held, m)
		})
	}
}

// Close interrupts a timeout. What its guard says then is no answer: the snapshot of the
// closed machine still has the timeout, and it is tried again once restored.
func TestTimeoutThatCloseInterruptsIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := with(t, fsm.Timeout(warming, time.Minute, idle),
			fsm.Guard(idle, "slow", func(ctx context.Context, _ transition) error {
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-time.After(time.Second):
					return nil
				}
			}))
		m, _ := timed(t, def)
		walk(t, m, starting, warming)
		later(time.Minute)
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		wantState(t, m, warming, 2)
		restored, err := fsm.Restore(def, m.Snapshot())
		if err != nil {
			t.Fatal(err)
		}
		defer restored.Close(context.Background())
		wantAt(t, restored, time.Second, idle)
	})
}

// Timeouts that are due at the same time fire in the order of their start, on the real clock:
// those of one transition, those that were started by different transitions for the same
// deadline, and those of a restored machine. Each machine has four timeouts, of which the
// guards refuse all; many machines run at once.
func TestEqualTimeoutsFireInTheOrderOfTheirStart(t *testing.T) {
	want := []string{"stopped", "stopping", "starting", "idle"}
	order := fsm.NewData[*trace]("order")
	until := fsm.NewData[time.Time]("deadline")
	table := fsm.Table[state]{idle: {running}, running: {stopped, stopping}, warming: {active}, active: {starting, idle}, starting: {}, stopped: {}, stopping: {}}
	reached := fsm.NewData[chan struct{}]("reached")
	refuses := func(to state) stateRule {
		return fsm.Guard(to, "no", func(ctx context.Context, _ transition) error {
			order.Of(ctx).add(string(to))
			return errBoom
		})
	}
	left := func(ctx context.Context, tr transition) time.Duration { return until.Of(ctx).Sub(tr.At) }
	def := fsm.MustDefine(idle, table, fsm.Substates(running, warming, active, starting),
		fsm.TimeoutFunc(running, "the deadline", left, stopped), fsm.TimeoutFunc(running, "the same", left, stopping),
		fsm.TimeoutFunc(active, "as well", left, starting), fsm.TimeoutFunc(active, "again", left, idle),
		refuses(stopped), refuses(stopping), refuses(starting), refuses(idle),
		fsm.OnTimeoutError(func(ctx context.Context, _ *fsm.TransitionError[state]) {
			if len(order.Of(ctx).lines) == len(want) {
				reached.Of(ctx) <- struct{}{}
			}
		}))
	// started returns a machine with all four timeouts pending. On a busy computer the first two
	// may be due before the others start, so the deadline moves until they are not.
	started := func(t *testing.T, fired *trace, done chan struct{}, restore bool) *fsm.Machine[state] {
		for soon := 20 * time.Millisecond; ; soon *= 2 {
			fired.clear()
			deadline := time.Now().Add(soon)
			opts := []fsm.Option{fsm.WithData(order, fired), fsm.WithData(until, deadline), fsm.WithData(reached, done)}
			m := fsm.New(def, opts...)
			walk(t, m, running, active)
			s := m.Snapshot()
			var to []string
			for _, p := range s.Timeouts {
				if to = append(to, string(p.To)); !p.Due.Equal(deadline) {
					break // late
				}
			}
			if !slices.Equal(to, want) || restore {
				if err := m.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			switch {
			case !slices.Equal(to, want):
				continue
			case restore:
				fired.clear() // of what fired until Close
				select {
				case <-done:
				default:
				}
				var err error
				if m, err = fsm.Restore(def, s, opts...); err != nil {
					t.Fatal(err)
				}
			}
			return m
		}
	}
	const rounds, machines = 10, 50
	for range rounds {
		var all []*trace
		var ends []chan struct{}
		for i := range machines {
			fired, done := new(trace), make(chan struct{}, 2)
			m := started(t, fired, done, i%2 == 1)
			defer m.Close(context.Background())
			all, ends = append(all, fired), append(ends, done)
		}
		for i, done := range ends {
			select {
			case <-done:
			case <-time.After(time.Minute):
				t.Fatal("a timeout does not fire")
			}
			if diff := cmp.Diff(want, all[i].lines); diff != "" {
				t.Fatalf("machine %d, order (-want +got):\n%s", i, diff)
			}
		}
	}
}
