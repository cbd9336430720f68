package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/leasehold-go/leasehold/fsm"
)

// outcomes are the two outcomes of a COMMIT without a reply.
var outcomes = map[string]func(driver.Tx) error{
	"stored":     func(tx driver.Tx) error { return errors.Join(tx.Commit(), errLink) },
	"not stored": func(tx driver.Tx) error { return errors.Join(tx.Rollback(), errLink) },
}

func TestWriteInDoubtIsSettled(t *testing.T) {
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			path, id := newJob(t)
			db, link := openLossy(t, path)
			m := load(t, db, id)
			move(t, m, Running, Failed)
			before := text(t, m)

			link.commit = outcome
			err := m.Transition(t.Context(), Queued)
			if !errors.Is(err, errLink) || !strings.Contains(err.Error(), "job 1: commit of version 3 is in doubt") {
				t.Fatalf("got %v, want a doubt about version 3", err)
			}
			if after := text(t, m); after != before {
				t.Errorf("the machine has changed from\n%s to\n%s", before, after)
			}
			if s := read(t, db, id); (s.version == 3) != (name == "stored") {
				t.Fatalf("the row has version %d", s.version)
			}

			// The machine goes on from its own state, whatever the row has.
			move(t, m, Cancelled)
			wantStored(t, db, id, m)
			if last := m.History()[2]; last.From != Failed || last.To != Cancelled {
				t.Errorf("last transition %+v", last)
			}
			if s := read(t, db, id); int(s.version) != s.log {
				t.Errorf("version %d with %d lines in the log", s.version, s.log)
			}
		})
	}
}

func TestDoubtStaysWhileTheRowCannotBeRead(t *testing.T) {
	path, id := newJob(t)
	db, link := openLossy(t, path)
	m := load(t, db, id)
	link.commit = outcomes["stored"]
	if err := m.Transition(t.Context(), Running); !errors.Is(err, errLink) {
		t.Fatalf("got %v", err)
	}
	unchanged := wantUnchanged(t, open(t, path), id, m)
	link.down = true
	for range 2 {
		err := m.Transition(t.Context(), Running)
		if !errors.Is(err, errLink) || !strings.Contains(err.Error(), "job 1: version 1 is in doubt and cannot be read") {
			t.Errorf("got %v", err)
		}
		unchanged()
	}
	link.down = false
	move(t, m, Running)
	wantStored(t, db, id, m)
}

// If the write in doubt was not stored, the other stores the version that is in doubt.
func TestDoubtEndsInAConflictIfAnotherHasWritten(t *testing.T) {
	for name, outcome := range outcomes {
		t.Run(name, func(t *testing.T) {
			path, id := newJob(t)
			db, link := openLossy(t, path)
			m := load(t, db, id)
			link.commit = outcome
			if err := m.Transition(t.Context(), Running); !errors.Is(err, errLink) {
				t.Fatalf("got %v", err)
			}
			other := load(t, open(t, path), id)
			move(t, other, map[State]State{Queued: Running, Running: Failed}[other.State()])
			unchanged := wantUnchanged(t, db, id, m)
			for range 2 {
				if err := m.Transition(t.Context(), Running); !errors.Is(err, fsm.ErrConflict) || !strings.Contains(err.Error(), "job 1 has version ") {
					t.Errorf("got %v, want a conflict that names job and version", err)
				}
				unchanged()
			}
			exec(t, db, `DELETE FROM job_log; DELETE FROM job`)
			if err := m.Transition(t.Context(), Running); !errors.Is(err, fsm.ErrConflict) {
				t.Errorf("got %v, want a conflict", err)
			}
		})
	}
}

func TestDoubtIsSettledBeforeEncode(t *testing.T) {
	path, id := newJob(t)
	db := open(t, path)
	r := &Row[State]{db: db, id: id, writer: "this", inDoubt: true}
	move(t, load(t, db, id), Running)
	err := r.Write(t.Context(),
		func() ([]byte, error) { t.Error("encoded"); return nil, nil },
		func() { t.Error("committed") })
	if want := "job 1 has version 1, not 0: written by another since; load it again"; !errors.Is(err, fsm.ErrConflict) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// database/sql looks at the context before COMMIT. In the first case it ends before that, and in
// the second after: SQLite then may have stored the change or not.
func TestContextThatEndsAboutCommit(t *testing.T) {
	ends := map[string]func(*lossy, func()){
		"before the log is written": func(link *lossy, end func()) {
			link.exec = func(query string) {
				if strings.HasPrefix(query, "INSERT INTO job_log") {
					end()
				}
			}
		},
		"in commit": func(link *lossy, end func()) {
			link.commit = func(tx driver.Tx) error { end(); return tx.Commit() }
		},
	}
	for name, arm := range ends {
		t.Run(name, func(t *testing.T) {
			path, id := newJob(t)
			db, link := openLossy(t, path)
			m := load(t, db, id)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			arm(link, cancel)
			err := m.Transition(ctx, Running)
			link.exec = nil
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want that of the context", err)
			}
			if m.State() != Running {
				move(t, m, Running)
			}
			wantStored(t, db, id, m)
			if s := read(t, db, id); s.version != int64(s.log) {
				t.Errorf("version %d with %d lines in the log", s.version, s.log)
			}
		})
	}
}

func TestContextThatEndsAtAnyMoment(t *testing.T) {
	path, id := newJob(t)
	db := open(t, path)
	m := load(t, db, id)
	next := map[State]State{Queued: Running, Running: Failed, Failed: Queued}
	failed := 0
	for n := range uint64(200) {
		to := next[m.State()]
		ctx, cancel := context.WithTimeout(t.Context(), rand.N(2*time.Millisecond))
		if err := m.Transition(ctx, to); err != nil {
			failed++
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("transition %d: %v", n+1, err)
			}
			move(t, m, to)
		}
		cancel()
		wantStored(t, db, id, m)
		if s := read(t, db, id); m.Snapshot().Number != n+1 || s.version != int64(s.log) {
			t.Fatalf("transition %d: machine at %d, row at version %d with %d lines in the log", n+1, m.Snapshot().Number, s.version, s.log)
		}
	}
	t.Logf("%d of 200 contexts ended in time", failed)
}

var errLink = fmt.Errorf("link is down: %w", driver.ErrBadConn)

// lossy opens SQLite connections that can be disturbed. The database is the real one.
type lossy struct {
	driver.Connector
	commit func(driver.Tx) error // in place of the next COMMIT, if set
	exec   func(query string)    // before a statement, if set
	down   bool                  // queries fail
}

func openLossy(t *testing.T, path string) (*sql.DB, *lossy) {
	t.Helper()
	c, err := sqlite.NewConnector(dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	link := &lossy{Connector: c}
	db := sql.OpenDB(link)
	t.Cleanup(func() { db.Close() })
	return db, link
}

func (l *lossy) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := l.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return lossyConn{c.(sqliteConn), l}, nil
}

// sqliteConn is all that database/sql uses of a connection of this driver.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

type lossyConn struct {
	sqliteConn
	link *lossy
}

func (c lossyConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.sqliteConn.BeginTx(ctx, opts)
	return lossyTx{tx, c.link}, err
}

func (c lossyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.link.exec != nil {
		c.link.exec(query)
	}
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c lossyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.link.down {
		return nil, errLink
	}
	return c.sqliteConn.QueryContext(ctx, query, args)
}

type lossyTx struct {
	driver.Tx
	link *lossy
}

func (tx lossyTx) Commit() error {
	if commit := tx.link.commit; commit != nil {
		tx.link.commit = nil
		return commit(tx.Tx)
	}
	return tx.Tx.Commit()
}
