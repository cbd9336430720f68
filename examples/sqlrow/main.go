// Command sqlrow keeps a state machine in a row of a SQL database, without a lease.
//
//	go run ./examples/sqlrow
//
// It tells a story of one job and two workers, in a database of its own. writer.go and schema.go
// are the part to reuse.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/leasehold-go/leasehold/fsm"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sqlrow:", err)
		os.Exit(1)
	}
}

// dsn opens a file in WAL mode, so that a COMMIT does not wait for readers. A transaction takes
// the write lock at BEGIN and waits up to 5 s for it.
func dsn(path string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() +
		"?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)"
}

// openDB opens the database in a file, and creates the file and the tables if need be.
func openDB(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, schema); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, nil
}

// worker is a process that works on jobs. Here both workers are in one process; each has
// a database handle of its own.
type worker struct {
	name string
	db   *sql.DB
	def  *fsm.Definition[State] // prints each transition
	out  io.Writer
}

func newWorker(ctx context.Context, name, path string, out io.Writer) (*worker, error) {
	def, err := lifecycle.With(fsm.After(func(ctx context.Context, t fsm.Transition[State]) error {
		_, err := fmt.Fprintf(out, "%s: job %d: %s -> %s\n", name, jobID.Of(ctx), t.From, t.To)
		return err
	}))
	if err != nil {
		return nil, err
	}
	db, err := openDB(ctx, path)
	return &worker{name, db, def, out}, err
}

// add stores a new job.
func (w *worker) add(ctx context.Context) (id int64, err error) {
	return Insert(ctx, w.db, fsm.New(w.def, fsm.WithData(jobID, 0)).Snapshot())
}

func (w *worker) load(ctx context.Context, id int64) (*fsm.Machine[State], error) {
	m, err := Load(ctx, w.db, id, w.def, fsm.WithData(jobID, id))
	if err == nil {
		fmt.Fprintf(w.out, "%s: job %d is %s\n", w.name, id, m.State())
	}
	return m, err
}

// try makes transitions up to the first that is refused, and prints the refusal.
func (w *worker) try(ctx context.Context, m *fsm.Machine[State], states ...State) {
	for _, s := range states {
		if err := m.Transition(ctx, s); err != nil {
			fmt.Fprintf(w.out, "%s: %v\n", w.name, err)
			return
		}
	}
}

// run tells the story.
func run(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "sqlrow")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "jobs.db")

	fmt.Fprintln(out, "# Two workers load the same job; the first starts it.")
	anna, err := newWorker(ctx, "anna", path, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, anna.db.Close()) }()
	bert, err := newWorker(ctx, "bert", path, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bert.db.Close()) }()
	id, err := anna.add(ctx)
	if err != nil {
		return err
	}
	first, err := anna.load(ctx, id)
	if err != nil {
		return err
	}
	second, err := bert.load(ctx, id)
	if err != nil {
		return err
	}
	anna.try(ctx, first, Running)

	fmt.Fprintln(out, "# The table refuses a transition: the database is not asked.")
	anna.try(ctx, first, Queued)

	fmt.Fprintln(out, "# The row refuses a machine that is stale: it stays where it was.")
	bert.try(ctx, second, Running)
	fmt.Fprintf(out, "bert: his machine is still %s\n", second.State())

	fmt.Fprintln(out, "# The first worker stops; the second loads the job again and goes on.")
	anna.try(ctx, first, Failed)
	if second, err = bert.load(ctx, id); err != nil {
		return err
	}
	bert.try(ctx, second, Queued, Running, Done)

	fmt.Fprintln(out, "# The log was written in the same transactions.")
	return printLog(ctx, bert.db, id, out)
}

func printLog(ctx context.Context, db *sql.DB, id int64, out io.Writer) (err error) {
	rows, err := db.QueryContext(ctx, `SELECT version, state FROM job_log WHERE id = ? ORDER BY version`, id)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var version int64
		var state State
		if err := rows.Scan(&version, &state); err != nil {
			return err
		}
		fmt.Fprintf(out, "version %d: %s\n", version, state)
	}
	return rows.Err()
}
