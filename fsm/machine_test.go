package fsm_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestNewMachineIsInTheInitialState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := fsm.New(lifecycle)
		want := fsm.Snapshot[state]{Version: 1, Table: lifecycle.Fingerprint(), State: idle, Since: time.Now().UTC()}
		time.Sleep(time.Minute)
		if diff := cmp.Diff(want, m.Snapshot()); diff != "" {
			t.Errorf("snapshot (-want +got):\n%s", diff)
		}
	})
}

func TestMachinesOfOneDefinitionAreIndependent(t *testing.T) {
	a, b := fsm.New(lifecycle), fsm.New(lifecycle)
	walk(t, a, starting, warming)
	wantState(t, a, warming, 2)
	wantState(t, b, idle, 0)
}

func TestInvalidArgumentsPanic(t *testing.T) {
	tests := map[string]struct {
		call func()
		want string
	}{
		"nil definition":   {func() { fsm.New[state](nil) }, "fsm: New needs a definition made by Define"},
		"zero definition":  {func() { fsm.New(new(fsm.Definition[state])) }, "fsm: New needs a definition made by Define"},
		"nil to restore":   {func() { _, _ = fsm.Restore(nil, fsm.Snapshot[state]{}) }, "fsm: Restore needs a definition made by Define"},
		"zero to restore":  {func() { _, _ = fsm.Restore(new(fsm.Definition[state]), fsm.Snapshot[state]{}) }, "fsm: Restore needs a definition made by Define"},
		"nil writer":       {func() { fsm.WithWriter(nil) }, "fsm: WithWriter needs a writer"},
		"negative history": {func() { fsm.WithHistory(-1) }, "fsm: WithHistory(-1): must be from 0 to 4294967295"},
		"empty queue":      {func() { fsm.WithQueue(0, func(context.Context, error) {}) }, "fsm: WithQueue(0): needs room for one change, and a function that gets errors"},
		"unheard queue":    {func() { fsm.WithQueue(1, nil) }, "fsm: WithQueue(1): needs room for one change, and a function that gets errors"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := fmt.Sprint(recover()); got != test.want {
					t.Errorf("panicked with %q, want %q", got, test.want)
				}
			}()
			test.call()
		})
	}
}

func TestNextDoesNotAliasItsResult(t *testing.T) {
	m := fsm.New(lifecycle)
	m.Next()[0] = "bogus"
	if diff := cmp.Diff([]state{starting}, m.Next()); diff != "" {
		t.Errorf("next (-want +got):\n%s", diff)
	}
	if m.Can("bogus") || !m.Can(starting) {
		t.Error("a caller changed the table")
	}
}

func TestSnapshotMarshalsToStableJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the time in a bubble begins at midnight UTC on 2000-01-01
		m := fsm.New(lifecycle)
		wantJSON(t, m.Snapshot(), `{"version":1,"table":"bc5f9a2edb9c420b","state":"idle","since":"2000-01-01T00:00:00Z","number":0}`)
		time.Sleep(time.Second)
		walk(t, m, starting)
		time.Sleep(1500 * time.Millisecond)
		if err := m.Reset(context.Background(), "recovery"); err != nil {
			t.Fatal(err)
		}
		wantJSON(t, m.Snapshot(), `{"version":1,"table":"bc5f9a2edb9c420b","state":"idle","since":"2000-01-01T00:00:02.5Z","number":2,"history":[`+
			`{"number":1,"from":"idle","to":"starting","at":"2000-01-01T00:00:01Z"},`+
			`{"number":2,"from":"starting","to":"idle","at":"2000-01-01T00:00:02.5Z","cause":"recovery","forced":true}]}`)
		wantJSON(t, transition{Number: 1, From: idle, To: starting, Event: "start"},
			`{"number":1,"from":"idle","to":"starting","event":"start","at":"0001-01-01T00:00:00Z"}`)
	})
}

func wantJSON(t *testing.T, v any, want string) {
	t.Helper()
	got, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}
