package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/leasehold-go/leasehold/fsm"
)

// schema has one row in job for each machine, and one in job_log for each stored change.
// AUTOINCREMENT never reuses an id, so the versions of a deleted job do not come back.
// Times are in milliseconds since 1970.
const schema = `
CREATE TABLE IF NOT EXISTS job (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	state      TEXT    NOT NULL, -- also in snapshot; here for queries
	version    INTEGER NOT NULL, -- grows by one with each write
	writer     TEXT    NOT NULL, -- the Row that wrote this version
	snapshot   TEXT    NOT NULL, -- the machine as JSON
	changed_ms INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS job_log (
	id         INTEGER NOT NULL REFERENCES job (id),
	version    INTEGER NOT NULL,
	state      TEXT    NOT NULL,
	changed_ms INTEGER NOT NULL,
	PRIMARY KEY (id, version)
);`

// Insert stores a new machine at version 0 and returns the id of its row.
func Insert[S comparable](ctx context.Context, db *sql.DB, s fsm.Snapshot[S]) (id int64, err error) {
	value, err := json.Marshal(s)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx,
		`INSERT INTO job (state, version, writer, snapshot, changed_ms) VALUES (?, 0, '', ?, ?) RETURNING id`,
		fmt.Sprint(s.State), string(value), s.Since.UnixMilli()).Scan(&id)
	return id, err
}

// Load restores the machine in a row. The machine writes its changes to the row.
func Load[S comparable](ctx context.Context, db *sql.DB, id int64, def *fsm.Definition[S], opts ...fsm.Option) (m *fsm.Machine[S], err error) {
	r := &Row[S]{db: db, id: id, writer: rand.Text()}
	defer func() {
		if err != nil {
			err = r.failed(ctx, "load", err)
		}
	}()
	var value []byte
	err = db.QueryRowContext(ctx, `SELECT version, snapshot FROM job WHERE id = ?`, id).Scan(&r.version, &value)
	if err != nil {
		return nil, err
	}
	s, err := fsm.DecodeSnapshot[S](value)
	if err != nil {
		return nil, err
	}
	return fsm.Restore(def, s, append([]fsm.Option{fsm.WithWriter(r)}, opts...)...)
}
