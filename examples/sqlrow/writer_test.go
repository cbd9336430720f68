package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestJobContinuesFromTheFile(t *testing.T) {
	path, id := newJob(t)
	db := open(t, path)
	m := load(t, db, id)
	if m.State() != Queued || m.Snapshot().Number != 0 {
		t.Errorf("a new job is %s after %d transitions", m.State(), m.Snapshot().Number)
	}
	move(t, m, Running, Failed)
	wantStored(t, db, id, m)
	before := text(t, m)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	db = open(t, path)
	m = load(t, db, id)
	if after := text(t, m); after != before {
		t.Errorf("restored as\n%s, want\n%s", after, before)
	}
	move(t, m, Queued, Running, Done)
	wantStored(t, db, id, m)
	if s := read(t, db, id); s.version != 5 || s.log != 5 || len(m.History()) != 5 {
		t.Errorf("version %d, %d lines in the log, history of %d; want 5 of each", s.version, s.log, len(m.History()))
	}
}

func TestLoadNamesTheRow(t *testing.T) {
	path, id := newJob(t)
	db := open(t, path)
	exec(t, db, `UPDATE job SET snapshot = '{"state":"lost"}'`)
	for id, want := range map[int64]string{
		id:     `job 1: load: bad snapshot: `,
		id + 1: `job 2: load: sql: no rows`,
	} {
		if m, err := Load(t.Context(), db, id, lifecycle, fsm.WithData(jobID, id)); m != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestStaleMachineIsRefusedUntilItIsLoadedAgain(t *testing.T) {
	path, id := newJob(t)
	one, two := open(t, path), open(t, path)
	first, second := load(t, one, id), load(t, two, id)
	move(t, first, Running)

	unchanged := wantUnchanged(t, two, id, second)
	for range 2 {
		for _, s := range []State{Running, Cancelled} {
			err := second.Transition(t.Context(), s)
			if !errors.Is(err, fsm.ErrConflict) || !strings.Contains(err.Error(), "job 1 no longer has version 0") {
				t.Errorf("got %v, want a conflict that names job and version", err)
			}
			unchanged()
		}
	}

	second = load(t, two, id)
	move(t, second, Failed)
	wantStored(t, two, id, second)
	if err := first.Transition(t.Context(), Done); !errors.Is(err, fsm.ErrConflict) {
		t.Errorf("got %v, want a conflict: now the first machine is stale", err)
	}
}

func TestOfManyWorkersOneGetsTheJob(t *testing.T) {
	path, id := newJob(t)
	const workers = 8
	var loaded []*machine
	for range workers {
		loaded = append(loaded, load(t, open(t, path), id))
	}
	results := make(chan error)
	for _, m := range loaded {
		go func() { results <- m.Transition(context.Background(), Running) }()
	}
	won := 0
	for range workers {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, fsm.ErrConflict):
			t.Error(err)
		}
	}
	if s := read(t, open(t, path), id); won != 1 || s.version != 1 || s.log != 1 {
		t.Errorf("%d workers started the job, row %+v", won, s)
	}
}

func TestDeletedJobIsRefusedAlsoIfAnotherIsInserted(t *testing.T) {
	path, id := newJob(t)
	db := open(t, path)
	m := load(t, db, id)
	exec(t, db, `DELETE FROM job`)
	other, err := Insert(t.Context(), db, m.Snapshot())
	if err != nil || other == id {
		t.Fatalf("inserted as %d, error %v", other, err)
	}
	if err := m.Transition(t.Context(), Running); !errors.Is(err, fsm.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
	if s := read(t, db, other); s.version != 0 {
		t.Errorf("the other job was written: %+v", s)
	}
}

func TestInvalidTransitionIsRefusedWithoutTheDatabase(t *testing.T) {
	path, id := newJob(t)
	db := open(t, path)
	m := load(t, db, id)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	err := m.Transition(t.Context(), Done)
	if want := "queued -> done is not in the table; from queued: running, cancelled"; !errors.Is(err, fsm.ErrInvalidTransition) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	// A transition that the table has does ask the database.
	if err := m.Transition(t.Context(), Running); err == nil || !strings.Contains(err.Error(), "database is closed") {
		t.Errorf("got %v, want that the database is closed", err)
	}
}

// Each case makes the database refuse, and says how to end that.
func TestRefusedWriteLeavesMachineAndRow(t *testing.T) {
	tests := map[string]struct {
		refuse func(*testing.T, *sql.DB) (end func())
		says   string
	}{
		"the update": {refuseBy("UPDATE ON job"), "write: job 1: update: constraint failed: not now"},
		"the log":    {refuseBy("INSERT ON job_log"), "write: job 1: log: constraint failed: not now"},
		"the lock": {func(t *testing.T, db *sql.DB) func() {
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			return func() { tx.Rollback() }
		}, "write: job 1: begin: context deadline exceeded"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path, id := newJob(t)
			db := open(t, path)
			m := load(t, db, id)
			unchanged := wantUnchanged(t, db, id, m)
			end := test.refuse(t, open(t, path))
			limit := time.Minute
			if name == "the lock" {
				limit = 200 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			if err := m.Transition(ctx, Running); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %s", err, test.says)
			}
			unchanged()
			end()
			move(t, m, Running)
			wantStored(t, db, id, m)
		})
	}
}

// refuseBy lets a trigger refuse a statement.
func refuseBy(statement string) func(*testing.T, *sql.DB) func() {
	return func(t *testing.T, db *sql.DB) func() {
		exec(t, db, `CREATE TRIGGER refusal BEFORE `+statement+` BEGIN SELECT RAISE(ABORT, 'not now'); END`)
		return func() { exec(t, db, `DROP TRIGGER refusal`) }
	}
}

func exec(t *testing.T, db *sql.DB, query string) {
	t.Helper()
	if _, err := db.ExecContext(context.Background(), query); err != nil {
		t.Fatal(err)
	}
}
