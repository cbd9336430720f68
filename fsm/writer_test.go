package fsm_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

// row is a value with a version, as in a database.
type row struct {
	value   string
	version int
}

// rowWriter is the writer of one process. It has no method Err.
type rowWriter struct {
	row     *row
	version int
}

func (w *rowWriter) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	value, err := encode()
	if err != nil {
		return err
	}
	if w.version != w.row.version {
		return fmt.Errorf("row has version %d, not %d: %w", w.row.version, w.version, fsm.ErrConflict)
	}
	w.row.value, w.row.version = string(value), w.version+1
	w.version++
	commit()
	return nil
}

func TestConflictLeavesNoTrace(t *testing.T) {
	shared := new(row)
	first := fsm.New(lifecycle, fsm.WithWriter(&rowWriter{row: shared}))
	second := fsm.New(lifecycle, fsm.WithWriter(&rowWriter{row: shared}))
	walk(t, first, starting)
	for range 2 {
		err := second.Transition(context.Background(), starting)
		wantRefusal(t, err, fsm.PhaseWrite, fsm.ErrConflict)
		if want := "idle -> starting: write: row has version 1, not 0: written by another since"; err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		wantState(t, second, idle, 0)
	}
	wantState(t, first, starting, 1)
	restored, err := fsm.DecodeSnapshot[state]([]byte(shared.value))
	if err != nil || restored.State != starting || restored.Number != 1 {
		t.Errorf("stored %+v, %v", restored, err)
	}
}

func TestDetachFailsIfTheWriterHasNoErr(t *testing.T) {
	m := fsm.New(lifecycle, fsm.WithWriter(&rowWriter{row: new(row)}))
	if err := m.Detach(context.Background()); !errors.Is(err, fsm.ErrAttached) {
		t.Errorf("got %v, want %v", err, fsm.ErrAttached)
	}
	walk(t, m, starting)
}

// encoder is a writer that encodes the snapshot itself.
type encoder struct {
	*scriptedLease
	encoded []fsm.Snapshot[state]
	fails   error
}

func (e *encoder) EncodeSnapshot(_ context.Context, s fsm.Snapshot[state]) ([]byte, error) {
	e.encoded = append(e.encoded, s)
	return []byte("made for " + string(s.State)), e.fails
}

func TestWriterEncodesTheSnapshot(t *testing.T) {
	held := &encoder{scriptedLease: newLease()}
	m := fsm.New(lifecycle, fsm.WithWriter(held))
	walk(t, m, starting)
	if got := string(held.value); got != "made for starting" {
		t.Errorf("stored %q", got)
	}
	if diff := cmp.Diff([]fsm.Snapshot[state]{m.Snapshot()}, held.encoded); diff != "" {
		t.Errorf("encoded (-machine +encoded):\n%s", diff)
	}
	held.fails = errBoom
	wantRefusal(t, m.Transition(context.Background(), warming), fsm.PhaseWrite, errBoom)
	wantState(t, m, starting, 1)
}

// The context of Encode belongs to the turn.
func TestChangeOfOwnMachineInEncodeIsReentrant(t *testing.T) {
	var m *fsm.Machine[state]
	var inside error
	m = fsm.New(with(t, fsm.Encode(func(ctx context.Context, _ fsm.Snapshot[state]) ([]byte, error) {
		inside = m.Transition(ctx, warming)
		return []byte("x"), nil
	})), fsm.WithWriter(newLease()))
	walk(t, m, starting)
	wantRefusal(t, inside, fsm.PhaseTurn, fsm.ErrReentrant)
}

func TestCauseOfAnEventIsInTheHistory(t *testing.T) {
	ctx := context.Background()
	plain := with(t, fsm.On(stop, fsm.From(starting), idle), fsm.On(boot, fsm.From(idle), starting))
	coded := with(t, fsm.On(stop, fsm.From(starting), idle), fsm.On(boot, fsm.From(idle), starting, fsm.If("disk", bootable)))
	for name, m := range map[string]*fsm.Machine[state]{
		"plain": fsm.New(plain), "with code": fsm.New(coded), "on a writer": fsm.New(plain, fsm.WithWriter(newLease())),
	} {
		t.Run(name, func(t *testing.T) {
			if err := errors.Join(fsm.FireWithCause(ctx, m, boot, disk{1}, "wanted"), m.FireWithCause(ctx, stop, "unwanted"), fsm.Fire(ctx, m, boot, disk{1})); err != nil {
				t.Fatal(err)
			}
			past := m.History()
			if len(past) != 3 || past[0].Cause != "wanted" || past[1].Cause != "unwanted" || past[2].Cause != "" || past[0].Event != "boot" {
				t.Errorf("history %+v", past)
			}
		})
	}
}

func TestEdgesDescribeEveryEdge(t *testing.T) {
	pass := failsWith(nil)
	def := nested(t,
		fsm.On(boot, fsm.From(idle), running, fsm.If("has a disk", bootable)), fsm.On(stop, fsm.From(running), stopped),
		fsm.Timeout(running, 1e9, stopped), fsm.Self(live), fsm.Reenter(paused),
		fsm.Guard(starting, "cold", pass), fsm.GuardEdge(active, stopped, "calm", pass))
	of := func(from, to state) fsm.Edge[state] {
		for _, e := range def.Edges() {
			if e.From == from && e.To == to {
				return e
			}
		}
		t.Fatalf("no edge %s -> %s", from, to)
		return fsm.Edge[state]{}
	}
	for _, want := range []fsm.Edge[state]{
		{From: idle, To: running, Declared: idle, Events: []fsm.EdgeEvent{{Name: "boot", Guards: []string{"has a disk"}}}, Guards: []string{"cold"}},
		{From: running, To: stopped, Declared: running, Events: []fsm.EdgeEvent{{Name: "stop"}}, Timeouts: []string{"1s"}},
		{From: active, To: stopped, Declared: running, Events: []fsm.EdgeEvent{{Name: "stop"}}, Guards: []string{"calm"}},
		{From: warming, To: live, Declared: live, Kind: fsm.EdgeSelf},
		{From: paused, To: paused, Declared: paused, Kind: fsm.EdgeReenter},
	} {
		if diff := cmp.Diff(want, of(want.From, want.To)); diff != "" {
			t.Errorf("%s -> %s (-want +got):\n%s", want.From, want.To, diff)
		}
	}
	var listed, permitted int
	for _, s := range def.States() {
		permitted += len(def.Next(s))
	}
	if listed = len(def.Edges()); listed != permitted {
		t.Errorf("%d edges, want %d", listed, permitted)
	}
}

// careless is a writer that calls commit as often as it is told to.
type careless int

func (n careless) Write(_ context.Context, encode func() ([]byte, error), commit func()) error {
	_, err := encode()
	for range n {
		commit()
	}
	return err
}

func TestCommitOfAWriteCountsOnce(t *testing.T) {
	m := fsm.New(lifecycle, fsm.WithWriter(careless(2)))
	walk(t, m, starting)
	wantState(t, m, starting, 1)
	m = fsm.New(lifecycle, fsm.WithWriter(careless(0)))
	err := m.Transition(context.Background(), starting)
	if want := "idle -> starting: write: the writer returned no error and did not call commit"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	wantState(t, m, idle, 0)
}

// lateWriter gives up, and commits when it is told to.
type lateWriter struct{ commit func() }

func (w *lateWriter) Write(_ context.Context, _ func() ([]byte, error), commit func()) error {
	w.commit = commit
	return errors.New("gave up")
}

// A commit after the write has returned would move the machine in the middle of another change.
func TestCommitAfterTheWriteHasReturnedIsIgnored(t *testing.T) {
	w := new(lateWriter)
	m := fsm.New(lifecycle, fsm.WithWriter(w))
	if err := m.Transition(context.Background(), starting); err == nil {
		t.Fatal("a refused write succeeded")
	}
	w.commit()
	wantState(t, m, idle, 0)
}
