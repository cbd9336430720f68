package fsm_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
	memstore "github.com/leasehold-go/leasehold/store/memory"
)

type snapshot = fsm.Snapshot[state]

// transferred encodes a snapshot and decodes it, as another process would.
func transferred(t testing.TB, s snapshot) snapshot {
	t.Helper()
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := fsm.DecodeSnapshot[state](data)
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// restored restores a machine. The test closes it.
func restored(t testing.TB, def *fsm.Definition[state], s snapshot, opts ...fsm.Option) *fsm.Machine[state] {
	t.Helper()
	m, err := fsm.Restore(def, s, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	return m
}

// withEveryFeature has substates, history states, timeouts and events.
func withEveryFeature(t testing.TB, more ...stateRule) *fsm.Definition[state] {
	return nested(t, append(more, fsm.On(boot, fsm.From(idle), active), fsm.On(stop, fsm.From(running), paused),
		fsm.Timeout(running, time.Hour, stopped), fsm.Timeout(active, time.Minute, warming), fsm.Timeout(paused, time.Minute, again))...)
}

// usedMachine returns a machine with history, memory and running timeouts.
func usedMachine(t testing.TB, def *fsm.Definition[state]) *fsm.Machine[state] {
	t.Helper()
	m := fsm.New(def)
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	if err := errors.Join(fsm.Fire(context.Background(), m, boot, disk{}), m.Fire(context.Background(), stop)); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := errors.Join(m.Reset(context.Background(), "once"), fsm.Fire(context.Background(), m, boot, disk{}), m.Fire(context.Background(), stop)); err != nil {
		t.Fatal(err)
	}
	walk(t, m, again)
	return m
}

func TestRestoredMachineHasTheSameSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		def := withEveryFeature(t)
		m := usedMachine(t, def)
		s := m.Snapshot()
		if len(s.History) != 6 || len(s.Timeouts) != 2 || len(s.HistoryStates) != 1 {
			t.Fatalf("the snapshot lacks history, timeouts or memory: %+v", s)
		}
		time.Sleep(10 * time.Second)
		again := restored(t, withEveryFeature(t), transferred(t, s))
		if diff := cmp.Diff(s, again.Snapshot()); diff != "" || again.State() != active || !again.In(running) {
			t.Errorf("in %s (-snapshot +restored):\n%s", again.State(), diff)
		}
		wantAt(t, again, 50*time.Second-1, active)
		wantAt(t, again, 1, warming)
		wantAt(t, again, time.Hour-time.Minute, stopped)
	})
}

func TestRestoredMachineContinuesTheHistory(t *testing.T) {
	m := fsm.New(lifecycle)
	backAndForthN(t, m, 49)
	if err := m.TransitionWithCause(context.Background(), warming, "at last"); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 3, 50, 100} {
		all := m.Snapshot()
		on := restored(t, lifecycle, transferred(t, all), fsm.WithHistory(limit))
		want := all
		if want.History = all.History[max(0, 50-limit):]; limit == 0 {
			want.History = nil
		}
		if diff := cmp.Diff(want, on.Snapshot()); diff != "" {
			t.Errorf("limit %d (-snapshot +restored):\n%s", limit, diff)
		}
		walk(t, on, idle, starting)
		past := on.History()
		if s := on.Snapshot(); s.Number != 52 || len(past) != min(limit, 52) || len(past) > 0 && past[len(past)-1].Number != 52 {
			t.Errorf("limit %d: number %d, %d entries", limit, s.Number, len(past))
		}
		if limit >= 3 && past[len(past)-3].Cause != "at last" {
			t.Errorf("limit %d: the cause is missing: %+v", limit, past[len(past)-3])
		}
	}
}

func TestRestoreRunsNoHooksAndWritesNothing(t *testing.T) {
	s := activeMachine(t).Snapshot()
	var ran trace
	def := withEveryFeature(t, append(ran.forStates(everyNested...), fsm.Before(ran.records("before")), fsm.After(ran.records("after")),
		fsm.Finally(func(context.Context, transition, error) { ran.add("finally") }))...)
	held := newLease()
	m := restored(t, def, s, fsm.WithWriter(held))
	if writes, _ := held.counts(); len(ran.lines) > 0 || writes > 0 {
		t.Errorf("%d writes; ran %q", writes, ran.lines)
	}
	walk(t, m, warming)
	if want := []string{"guard warming", "before", "exit active", "enter warming", "after", "finally"}; !slices.Equal(ran.lines, want) {
		t.Errorf("ran %q, want %q", ran.lines, want)
	}
	wantStored(t, held, m)
}

// activeMachine returns a machine with running timeouts. It needs no bubble.
func activeMachine(t *testing.T) *fsm.Machine[state] {
	m := fsm.New(withEveryFeature(t))
	t.Cleanup(func() { _ = m.Close(context.Background()) })
	walk(t, m, active)
	return m
}

// A timeout that became due while no machine existed fires once, in the restored machine.
func TestOverdueTimeoutsFireOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := usedMachine(t, withEveryFeature(t))
		if err := m.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		s := transferred(t, m.Snapshot())
		if len(s.Timeouts) != 2 {
			t.Errorf("a closed machine shows %d timeouts", len(s.Timeouts))
		}
		time.Sleep(time.Minute)
		on := restored(t, withEveryFeature(t), s)
		later(0)
		wantState(t, on, warming, 7)
		later(time.Second)
		wantState(t, on, warming, 7)
		second := restored(t, withEveryFeature(t), transferred(t, on.Snapshot()))
		later(time.Second)
		wantState(t, second, warming, 7)
		wantAt(t, second, time.Hour, stopped)

		late := restored(t, withEveryFeature(t), s) // both timeouts are overdue and fire in the order in which they were due
		later(0)
		wantState(t, late, stopped, 8)
		if last := late.History()[7]; last.From != warming || last.Cause != "timeout after 1h in running" {
			t.Errorf("the history has %+v", last)
		}
	})
}

// A timeout that is due fires before a later call, even if its timer is late.
func TestOverdueTimeoutFiresBeforeTheNextCall(t *testing.T) {
	for name, call := range map[string]func(*fsm.Machine[state]){
		"transition":       func(m *fsm.Machine[state]) { _ = m.Transition(context.Background(), stopped) },
		"reset":            func(m *fsm.Machine[state]) { _ = m.Reset(context.Background(), "") },
		"event":            func(m *fsm.Machine[state]) { _ = m.Fire(context.Background(), stop) },
		"permitted events": func(m *fsm.Machine[state]) { _, _ = m.PermittedEvents(context.Background()) },
	} {
		synctest.Test(t, func(t *testing.T) {
			m := usedMachine(t, withEveryFeature(t))
			if err := m.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			s := m.Snapshot()
			time.Sleep(time.Minute) // the first timeout is due now
			late := restored(t, withEveryFeature(t), s)
			call(late)
			if past := late.History(); len(past) <= int(s.Number) || past[s.Number].Cause != "timeout after 1m in active" {
				t.Errorf("%s: history %+v", name, past)
			}
		})
	}
}

func TestTimeoutThatIsCenturiesOverdueFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := snapshot{State: paused, Since: time.Now(), Timeouts: []fsm.PendingTimeout[state]{{State: paused, To: again, Due: time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC)}}}
		m := restored(t, withEveryFeature(t), s)
		wantAt(t, m, 0, starting)
	})
}

func TestRestoreRefusesInvalidSnapshots(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	entry := func(n uint64, from, to state) transition { return transition{Number: n, From: from, To: to, At: at} }
	tests := map[string]struct {
		change func(*snapshot)
		want   string
	}{
		"version":           {func(s *snapshot) { s.Version = 2 }, "version 2, and not one up to 1"},
		"negative version":  {func(s *snapshot) { s.Version = -1 }, "version -1, and not one up to 1"},
		"foreign":           {func(s *snapshot) { s.Table = lifecycle.Fingerprint() }, `it is of table "bc5f9a2edb9c420b", not of "` + nested(t).Fingerprint() + `": Migrate takes up that of an older table`},
		"unknown state":     {func(s *snapshot) { s.State = "x" }, `state: "x" is not in the table`},
		"parent":            {func(s *snapshot) { s.State = live }, `state: no machine can be in "live" itself`},
		"history state":     {func(s *snapshot) { s.State = again }, `state: no machine can be in "again" itself`},
		"time":              {func(s *snapshot) { s.Since = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC) }, "since: year 3000 is out of range"},
		"number":            {func(s *snapshot) { s.Number = 1 }, "history: 2 transitions, and number 1"},
		"large number":      {func(s *snapshot) { s.Number = 1 << 63 }, "history: 2 transitions, and number 9223372036854775808"},
		"shifted":           {func(s *snapshot) { s.Number = 3 }, `history: transition 1, "idle" to "paused", does not lead to what follows`},
		"unknown source":    {func(s *snapshot) { s.History[0].From = "x" }, `history: "x" is not in the table`},
		"unknown target":    {func(s *snapshot) { s.History[1].To = "x" }, `history: transition 2, "paused" to "x", does not lead to what follows`},
		"parent in history": {func(s *snapshot) { s.History[0].From = running }, `history: no machine can be in "running" itself`},
		"broken":            {func(s *snapshot) { s.History[0].To = warming }, `history: transition 1, "idle" to "warming", does not lead to what follows`},
		"elsewhere":         {func(s *snapshot) { s.History[1].To = warming }, `history: transition 2, "paused" to "warming", does not lead to what follows`},
		"old entry":         {func(s *snapshot) { s.History[0].At = time.Time{} }, "history: year 1 is out of range"},
		"unknown event":     {func(s *snapshot) { s.History[0].Event = "x" }, `history: event "x" is unknown`},
		"forced event":      {func(s *snapshot) { s.History[0].Event, s.History[0].Forced = "boot", true }, `history: event "boot" is unknown`},
		"unknown timeout":   {func(s *snapshot) { s.Timeouts[0].To = "x" }, `timeouts: "x" is not in the table`},
		"no timeout":        {func(s *snapshot) { s.Timeouts[0].To = paused }, `timeouts: there is none of "running" to "paused"`},
		"timeout elsewhere": {func(s *snapshot) { s.Timeouts[0] = fsm.PendingTimeout[state]{State: paused, To: again} }, `timeouts: that of "paused" to "again" cannot run in "active"`},
		"timeout twice":     {func(s *snapshot) { s.Timeouts[1] = s.Timeouts[0] }, `timeouts: that of "running" to "stopped" is there more than once`},
		"timeout when":      {func(s *snapshot) { s.Timeouts[0].Due = time.Time{} }, "timeouts: year 1 is out of range"},
		"unknown parent":    {func(s *snapshot) { s.HistoryStates[0].Parent = "x" }, `history states: "x" is not in the table`},
		"no history state":  {func(s *snapshot) { s.HistoryStates[0].Parent = live }, `history states: "live" has none`},
		"last of another":   {func(s *snapshot) { s.HistoryStates[0].Last = idle }, `history states: "idle" does not lie within "running"`},
		"last is a parent":  {func(s *snapshot) { s.HistoryStates[0].Last = live }, `history states: no machine can be in "live" itself`},
		"parent twice":      {func(s *snapshot) { s.HistoryStates = append(s.HistoryStates, s.HistoryStates[0]) }, `history states: "running" is there more than once`},
		"several":           {func(s *snapshot) { s.Version, s.State = 9, "x" }, `version 9, and not one up to 1; state: "x" is not in the table; history: transition 2, "paused" to "active", does not lead to what follows`},
	}
	def := withEveryFeature(t)
	valid := func() snapshot {
		return snapshot{
			Version: 1, Table: def.Fingerprint(), State: active, Since: at, Number: 2,
			History:       []transition{entry(1, idle, paused), entry(2, paused, active)},
			Timeouts:      []fsm.PendingTimeout[state]{{State: running, To: stopped, Due: time.Now().Add(time.Hour)}, {State: active, To: warming, Due: time.Now().Add(time.Hour)}},
			HistoryStates: []fsm.HistoryState[state]{{Parent: running, Last: warming}},
		}
	}
	restored(t, def, valid())
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := valid()
			test.change(&s)
			m, err := fsm.Restore(def, s)
			bad, ok := errors.AsType[*fsm.SnapshotError](err)
			if m != nil || !ok || !strings.HasPrefix(err.Error(), "bad snapshot: "+test.want) || len(bad.Problems) == 0 {
				t.Errorf("got %v,\nwant bad snapshot: %s", err, test.want)
			}
		})
	}
}

// The history may have edges that the table no longer has, and the snapshot may have no
// version.
func TestRestoreAcceptsAnOlderTable(t *testing.T) {
	old := snapshot{State: warming, Number: 1, History: []transition{{Number: 1, From: idle, To: warming, At: time.Unix(0, 0)}}, Since: time.Unix(0, 0)}
	wantState(t, restored(t, lifecycle, old), warming, 1)
}

func TestFingerprintDependsOnStatesEdgesAndHierarchy(t *testing.T) {
	of := func(initial string, table fsm.Table[string], rules ...fsm.Rule[string]) string {
		return fsm.MustDefine(initial, table, rules...).Fingerprint()
	}
	table := fsm.Table[string]{"a": {"b", "c"}, "b": {"a"}, "c": {"b"}}
	mark := of("a", table)
	same := []string{
		of("a", fsm.Table[string]{"a": {"c", "b"}, "b": {"a"}, "c": {"b"}}), of("a", table, fsm.Reenter("b")), of("a", table, fsm.Timeout("a", 1, "b")),
	}
	others := []string{
		of("b", table), of("a", fsm.Table[string]{"a": {"b", "c"}, "b": {"a"}, "c": {}}), of("a", table, fsm.Substates("b", "c")), of("a", table, fsm.Substates("c", "b")),
		of("a", fsm.Table[string]{"a": {"b", "c"}, "b": {"a"}, "c": {"b"}, "d": {}}, fsm.Substates("a", "d")),
	}
	recalls := fsm.Table[string]{"a": {"h"}, "b": {"c"}, "c": {"b"}, "h": {}}
	within := fsm.Substates("a", "b", "c")
	others = append(others, of("a", recalls, within, fsm.DeepHistory("h", "a")), of("a", recalls, within, fsm.ShallowHistory("h", "a")), of("a", recalls, fsm.Substates("a", "c", "b")), of("a", recalls, within))
	for i, other := range same {
		if other != mark {
			t.Errorf("same table %d: fingerprint %s, want %s", i, other, mark)
		}
	}
	seen := map[string]bool{mark: true}
	for i, other := range others {
		if seen[other] {
			t.Errorf("other table %d has the fingerprint of an earlier one", i)
		}
		seen[other] = true
	}
}

func TestDecodeSnapshotRefusesInvalidData(t *testing.T) {
	for data, want := range map[string]string{
		"":                           "bad snapshot: unexpected end of JSON input",
		"[1]":                        "bad snapshot: json: cannot unmarshal array",
		`{"version":2,"state":"a"}`:  "bad snapshot: version 2, and not one up to 1",
		"null":                       `bad snapshot: "state" is missing; "since" is missing; "number" is missing`,
		"{}":                         `bad snapshot: "state" is missing; "since" is missing; "number" is missing`,
		"[]":                         "bad snapshot: json: cannot unmarshal array",
		`"idle"`:                     "bad snapshot: json: cannot unmarshal string",
		`{"name":"job","items":[1]}`: `bad snapshot: "state" is missing; "since" is missing; "number" is missing`,
		`{"state":null,"since":"2026-01-01T00:00:00Z","number":1}`:                                              `bad snapshot: "state" is missing`,
		`{"state":"idle","since":null,"number":1}`:                                                              `bad snapshot: "since" is missing`,
		`{"state":"idle","since":"2026-01-01T00:00:00Z","number":0} {}`:                                         "bad snapshot: invalid character '{' after top-level value",
		`{"state":"idle","since":"2026-01-01T00:00:00Z","number":1,"history":[{"number":1,"to":"idle"}]}`:       `bad snapshot: history, element 0: "from" is missing; history, element 0: "at" is missing`,
		`{"state":"idle","since":"2026-01-01T00:00:00Z","number":0,"timeouts":[null]}`:                          `bad snapshot: timeouts, element 0: "state" is missing; timeouts, element 0: "to" is missing; timeouts, element 0: "due" is missing`,
		`{"state":"idle","since":"2026-01-01T00:00:00Z","number":0,"memory":[{"state":"running","last":null}]}`: `bad snapshot: memory, element 0: "last" is missing`,
		`{"state":"` + strings.Repeat("a", 1<<20) + `"}`:                                                        "bad snapshot: 1048588 bytes, more than 1048576",
	} {
		_, err := fsm.DecodeSnapshot[state]([]byte(data))
		if bad := new(fsm.SnapshotError); !errors.As(err, &bad) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// After the death of a holder, its successor restores the machine from the record and writes
// through its own lease. Other processes can read the record without a lease.
func TestSuccessorRestoresTheMachineOfADeadHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		st := memstore.New()
		def := with(t, fsm.Timeout(warming, time.Minute, idle), fsm.Timeout(starting, time.Hour, idle))
		dead, first := hold(t, st, []byte("{}"))
		m := fsm.New(def, fsm.WithWriter(first))
		defer m.Close(ctx)
		walk(t, m, starting, warming)

		r, err := st.Get(ctx, "job")
		if err != nil {
			t.Fatal(err)
		}
		seen, err := fsm.DecodeSnapshot[string](r.Value) // a reader needs no definition
		if err != nil || seen.State != "warming" || seen.Timeouts[0].To != "idle" || len(seen.History) != 2 {
			t.Errorf("a reader sees %+v, %v", seen, err)
		}
		s, err := fsm.DecodeSnapshot[state](r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m.Snapshot(), s); diff != "" {
			t.Errorf("machine and record differ (-machine +record):\n%s", diff)
		}
		if err := m.Close(ctx); err != nil {
			t.Fatal(err)
		}
		_ = dead.Close(ctx)
		time.Sleep(2 * time.Minute)

		_, second := hold(t, st, r.Value)
		on := restored(t, def, s, fsm.WithWriter(second))
		later(0)
		wantState(t, on, idle, 3) // the overdue timeout, written through the new lease
		r, err = st.Get(ctx, "job")
		if err != nil || r.Token != second.Token() || second.Token() == first.Token() {
			t.Fatalf("record %+v, %v", r, err)
		}
		now, err := fsm.DecodeSnapshot[state](r.Value)
		if diff := cmp.Diff(on.Snapshot(), now); diff != "" || err != nil {
			t.Errorf("%v; machine and record differ (-machine +record):\n%s", err, diff)
		}
	})
}

// hold acquires the key "job".
func hold(t *testing.T, st store.Store, value []byte) (*lease.Keeper, lease.Lease) {
	t.Helper()
	k, err := lease.NewKeeper(st, lease.Config{TTL: 10 * time.Second, Heartbeat: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close(context.Background()) })
	held, err := k.Acquire(t.Context(), "job", value)
	if err != nil {
		t.Fatal(err)
	}
	return k, held
}

// Restore does not panic on a decoded snapshot. A restored machine has the snapshot that it
// was restored from, and Restore accepts the snapshot of a restored machine.
func FuzzRestore(f *testing.F) {
	def := withEveryFeature(f, fsm.Before(func(context.Context, transition) error { return errBoom })) // so a timeout that fires has no effect
	m := fsm.New(withEveryFeature(f))
	for _, to := range []state{active, paused, again, warming} {
		if data, err := json.Marshal(m.Snapshot()); err == nil {
			f.Add(data)
		}
		walk(f, m, to)
	}
	_ = m.Close(context.Background())
	f.Add([]byte(`{"state":"idle","since":"2026-01-01T00:00:00Z","number":0,"STATE":null,"state":"paused"}`))
	f.Add([]byte(`{"state":"idle","since":"2026-01-01T00:00:00+02:00","number":18446744073709551615,"timeouts":[{}],"memory":[{"state":"running"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := fsm.DecodeSnapshot[state](data)
		if err != nil {
			return
		}
		first := restoreAndClose(def, s)
		if first == nil {
			return
		}
		want := normalized(s)
		want.Version, want.Table = 1, def.Fingerprint()
		if diff := cmp.Diff(want, normalized(*first)); diff != "" {
			t.Fatalf("the restored machine differs (-snapshot +restored):\n%s", diff)
		}
		second := restoreAndClose(def, transferred(t, *first))
		if second == nil {
			t.Fatal("Restore refused the snapshot of a machine")
		}
		if diff := cmp.Diff(normalized(*first), normalized(*second)); diff != "" {
			t.Fatalf("the machine that was restored again differs (-first +second):\n%s", diff)
		}
	})
}

// restoreAndClose returns the snapshot of a restored machine, or nil if Restore refuses.
func restoreAndClose(def *fsm.Definition[state], s snapshot) *snapshot {
	m, err := fsm.Restore(def, s, fsm.WithHistory(len(s.History)))
	if err != nil {
		return nil
	}
	again := m.Snapshot()
	_ = m.Close(context.Background())
	return &again
}

// normalized returns a snapshot with times in UTC and without timeouts that may have fired
// by now.
func normalized(s snapshot) snapshot {
	s.Since = s.Since.UTC()
	s.History = slices.Clone(s.History)
	for i := range s.History {
		s.History[i].At = s.History[i].At.UTC()
	}
	var left []fsm.PendingTimeout[state]
	for _, p := range s.Timeouts {
		if p.Due = p.Due.UTC(); time.Until(p.Due) > time.Minute {
			left = append(left, p)
		}
	}
	s.Timeouts = left
	if len(s.History) == 0 {
		s.History = nil
	}
	if len(s.HistoryStates) == 0 {
		s.HistoryStates = nil
	}
	return s
}
