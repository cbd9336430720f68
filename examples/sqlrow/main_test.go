package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/leasehold-go/leasehold/fsm"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type machine = fsm.Machine[State]

// open opens a database file through a handle of its own.
func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := openDB(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// newJob creates a database file with one job.
func newJob(t *testing.T) (path string, id int64) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "jobs.db")
	id, err := Insert(t.Context(), open(t, path), fsm.New(lifecycle, fsm.WithData(jobID, 0)).Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	return path, id
}

func load(t *testing.T, db *sql.DB, id int64) *machine {
	t.Helper()
	m, err := Load(t.Context(), db, id, lifecycle, fsm.WithData(jobID, id))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func move(t *testing.T, m *machine, states ...State) {
	t.Helper()
	for _, s := range states {
		if err := m.Transition(context.Background(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// stored is a job in the database.
type stored struct {
	state    State
	version  int64
	snapshot string
	changed  int64
	log      int // lines
}

func read(t *testing.T, db *sql.DB, id int64) (s stored) {
	t.Helper()
	err := db.QueryRowContext(context.Background(),
		`SELECT state, version, snapshot, changed_ms, (SELECT COUNT(*) FROM job_log WHERE job_log.id = job.id) FROM job WHERE id = ?`, id).
		Scan(&s.state, &s.version, &s.snapshot, &s.changed, &s.log)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func text(t *testing.T, m *machine) string {
	t.Helper()
	b, err := json.Marshal(m.Snapshot())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// wantStored checks that the row has exactly the machine's snapshot.
func wantStored(t *testing.T, db *sql.DB, id int64, m *machine) {
	t.Helper()
	s, want := read(t, db, id), m.Snapshot()
	if s.state != want.State || s.snapshot != text(t, m) || s.changed != want.Since.UnixMilli() {
		t.Errorf("row and machine differ:\nrow     %+v\nmachine %s", s, text(t, m))
	}
}

// wantUnchanged returns a check that machine and row are still as they are now.
func wantUnchanged(t *testing.T, db *sql.DB, id int64, m *machine) (check func()) {
	t.Helper()
	row, before := read(t, db, id), text(t, m)
	return func() {
		t.Helper()
		if now := text(t, m); now != before {
			t.Errorf("the machine has changed from\n%s to\n%s", before, now)
		}
		if now := read(t, db, id); now != row {
			t.Errorf("the row has changed from\n%+v to\n%+v", row, now)
		}
	}
}
