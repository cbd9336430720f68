package fencing_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/leasehold-go/leasehold/lease"
	"github.com/leasehold-go/leasehold/store"
)

// errStale is the refusal of a write: the resource has seen a later holder.
var errStale = errors.New("a later holder has written")

const fenceSchema = `CREATE TABLE fence (
	resource TEXT   PRIMARY KEY,
	token    BIGINT NOT NULL -- the largest that this database has seen
)`

// fenced runs work in a transaction, which is refused once a later holder has made one.
func fenced(ctx context.Context, db *sql.DB, l lease.Lease, work func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	result, err := tx.ExecContext(ctx, `
		INSERT INTO fence (resource, token) VALUES (?, ?)
		ON CONFLICT (resource) DO UPDATE SET token = excluded.token
		WHERE fence.token <= excluded.token`, l.Key(), int64(l.Token()))
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return errStale
	}
	if err := work(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// table is a resource: the rows of a table.
type table struct{ db *sql.DB }

const insert = `INSERT INTO entry (resource, token, body) VALUES (?, ?, ?)`

func (r table) write(ctx context.Context, l lease.Lease, body string) error {
	return fenced(ctx, r.db, l, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, insert, l.Key(), int64(l.Token()), body)
		return err
	})
}

func (r table) unfenced(ctx context.Context, l lease.Lease, body string) error {
	_, err := r.db.ExecContext(ctx, insert, l.Key(), int64(l.Token()), body)
	return err
}

func (r table) last(ctx context.Context, key string) (token store.Token, body string, err error) {
	err = r.db.QueryRowContext(ctx, `SELECT token, body FROM entry WHERE resource = ? ORDER BY number DESC LIMIT 1`, key).Scan(&token, &body)
	return token, body, err
}

func TestTable(t *testing.T) {
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "db")+
		"?_txlock=immediate&_pragma=busy_timeout(60000)&_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{fenceSchema,
		`CREATE TABLE entry (number INTEGER PRIMARY KEY AUTOINCREMENT, resource TEXT, token BIGINT, body TEXT)`} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	conform(t, table{db})

	t.Run("a refused transaction changes nothing", func(t *testing.T) {
		f := newFleet(t, "transaction")
		first := f.next()
		second := f.next()
		broken := errors.New("broken")
		for _, c := range []struct {
			what       string
			of         lease.Lease
			work, want error
			entries    int
		}{
			{"work that fails", second, broken, broken, 0},
			{"the fence was taken back with it", first, nil, nil, 1},
			{"the next holder", second, nil, nil, 2},
			{"the first once more", first, nil, errStale, 2},
		} {
			err := fenced(t.Context(), db, c.of, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(t.Context(), insert, c.of.Key(), int64(c.of.Token()), c.what)
				return errors.Join(err, c.work)
			})
			if !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.what, err, c.want)
			}
			var n int
			if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM entry WHERE resource = ?`, f.key).Scan(&n); err != nil || n != c.entries {
				t.Errorf("%s: %d entries, want %d (%v)", c.what, n, c.entries, err)
			}
		}
	})
}
