package main

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"testing"

	"github.com/leasehold-go/leasehold/fsm"
)

// create stores a job in the initial state and returns the id of its row.
func create(ctx context.Context, db *sql.DB) (int64, error) {
	return Insert(ctx, db, fsm.New(lifecycle, fsm.WithData(jobID, 0)).Snapshot()) // Load gives the id
}

// advance moves the machine in a row, also while other processes move it.
func advance(ctx context.Context, db *sql.DB, id int64, to State) error {
	for {
		m, err := Load(ctx, db, id, lifecycle, fsm.WithData(jobID, id))
		if err != nil {
			return err
		}
		err = m.Transition(ctx, to)
		if !errors.Is(err, fsm.ErrConflict) {
			return err // nil, or refused by the table in the state that the row has
		}
	}
}

func TestOneOfManyAdvancesARow(t *testing.T) {
	ctx := t.Context()
	db, err := openDB(ctx, filepath.Join(t.TempDir(), "jobs.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	id, err := create(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	const callers = 8
	results := make(chan error, callers)
	for range callers {
		go func() { results <- advance(ctx, db, id, Running) }()
	}
	moved := 0
	for range callers {
		switch err := <-results; {
		case err == nil:
			moved++
		case !errors.Is(err, fsm.ErrInvalidTransition):
			t.Error(err)
		}
	}
	if moved != 1 {
		t.Errorf("%d moved it", moved)
	}
}
