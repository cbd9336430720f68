package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/leasehold-go/leasehold/fsm"
)

// Row is the [fsm.Writer] of one machine. It updates the row only if the row still has the
// version that this Row has loaded or written.
type Row[S comparable] struct {
	db      *sql.DB
	id      int64
	writer  string // 128 random bits: tells a write of this Row from a write of another
	version int64  // of the row, as far as this Row knows
	inDoubt bool   // a COMMIT failed: the row may have version+1
	next    fsm.Snapshot[S]
}

// EncodeSnapshot makes Row an [fsm.SnapshotEncoder], so that Write can put the state in a
// column of its own.
func (r *Row[S]) EncodeSnapshot(_ context.Context, s fsm.Snapshot[S]) ([]byte, error) {
	r.next = s
	return json.Marshal(s)
}

// Write stores a change of the machine and its line in the log, in one transaction.
func (r *Row[S]) Write(ctx context.Context, encode func() ([]byte, error), commit func()) error {
	if err := r.settle(ctx); err != nil {
		return err
	}
	value, err := encode()
	if err != nil {
		return err
	}

	// An error before COMMIT leaves no doubt. All statements have one context, and the first
	// error ends the transaction: when a context interrupts a statement, SQLite rolls back the
	// transaction, and would store each later statement on its own.
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return r.failed(ctx, "begin", err)
	}
	defer tx.Rollback() // does nothing after a commit
	state, changed := fmt.Sprint(r.next.State), r.next.Since.UnixMilli()
	result, err := tx.ExecContext(ctx,
		`UPDATE job SET state = ?, version = version + 1, writer = ?, snapshot = ?, changed_ms = ? WHERE id = ? AND version = ?`,
		state, r.writer, string(value), changed, r.id, r.version)
	if err != nil {
		return r.failed(ctx, "update", err)
	}
	if n, err := result.RowsAffected(); err != nil {
		return r.failed(ctx, "update", err)
	} else if n == 0 {
		return fmt.Errorf("job %d no longer has version %d: %w; load it again", r.id, r.version, fsm.ErrConflict)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO job_log (id, version, state, changed_ms) VALUES (?, ?, ?, ?)`,
		r.id, r.version+1, state, changed)
	if err != nil {
		return r.failed(ctx, "log", err)
	}

	// If COMMIT fails, the change may have been stored all the same.
	if err := tx.Commit(); err != nil {
		r.inDoubt = true
		return r.failed(ctx, fmt.Sprintf("commit of version %d is in doubt", r.version+1), err)
	}
	r.version++
	commit()
	return nil
}

// failed names the job and the statement. If ctx has ended, database/sql may report only that
// the transaction is over.
func (r *Row[S]) failed(ctx context.Context, statement string, err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		err = cmp.Or(context.Cause(ctx), err)
	}
	return fmt.Errorf("job %d: %s: %w", r.id, statement, err)
}

// settle reads the row if a write is in doubt. If that was stored, the next write replaces it.
func (r *Row[S]) settle(ctx context.Context) error {
	if !r.inDoubt {
		return nil
	}
	var version int64
	var writer string
	err := r.db.QueryRowContext(ctx, `SELECT version, writer FROM job WHERE id = ?`, r.id).Scan(&version, &writer)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("job %d, which had version %d, is deleted: %w", r.id, r.version, fsm.ErrConflict)
	case err != nil:
		return fmt.Errorf("job %d: version %d is in doubt and cannot be read: %w", r.id, r.version+1, err)
	case version == r.version+1 && writer == r.writer:
		r.version = version // the write in doubt was stored
	case version != r.version:
		return fmt.Errorf("job %d has version %d, not %d: %w; load it again", r.id, version, r.version, fsm.ErrConflict)
	}
	r.inDoubt = false
	return nil
}
