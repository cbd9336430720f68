#!/usr/bin/env bash
# modernc.org/sqlite v1.62.0 through database/sql, Go 1.26.
#
# Guess: if ExecContext of a single UPDATE fails with "context canceled", the row has not
#        changed; or a single statement and a transaction's Commit behave alike.
# Seen:  if the context ends while SQLite commits the statement, ExecContext returns
#        "context canceled" and the row HAS changed, every time. If the context ends while
#        SQLite commits a transaction, Tx.Commit returns nil and the row has changed.
#
# So a single statement is no simpler than a transaction for a guarded write: its error
# leaves in doubt whether the write happened. The commit hook below ends the context at that
# moment; SQLite itself calls it, and it lets the commit go on.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require modernc.org/sqlite v1.62.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"os"

	"modernc.org/sqlite"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	var duringCommit func()
	sqlite.RegisterConnectionHook(func(conn sqlite.ExecQuerierContext, _ string) error {
		conn.(sqlite.HookRegisterer).RegisterCommitHook(func() int32 {
			if duringCommit != nil {
				duringCommit()
			}
			return 0 // commit
		})
		return nil
	})
	db, err := sql.Open("sqlite", filepath.Join(os.Args[1], "db"))
	must(err)
	defer db.Close()
	_, err = db.Exec(`CREATE TABLE t (v INTEGER); INSERT INTO t VALUES (0)`)
	must(err)
	value := func() (v int) {
		must(db.QueryRow(`SELECT v FROM t`).Scan(&v))
		return v
	}
	for v := 1; v < 20; v += 2 {
		ctx, cancel := context.WithCancel(context.Background())
		duringCommit = cancel
		_, err := db.ExecContext(ctx, `UPDATE t SET v = ?`, v)
		duringCommit = nil
		fmt.Printf("statement: canceled %v, stored %v\n", errors.Is(err, context.Canceled), value() == v)

		ctx, cancel = context.WithCancel(context.Background())
		tx, err := db.BeginTx(ctx, nil)
		must(err)
		_, err = tx.ExecContext(ctx, `UPDATE t SET v = ?`, v+1)
		must(err)
		duringCommit = cancel
		err = tx.Commit()
		duringCommit = nil
		fmt.Printf("transaction: error %v, stored %v\n", err, value() == v+1)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod go run . "$dir" | sort | uniq -c | tee seen
diff seen - <<'END'
     10 statement: canceled true, stored true
     10 transaction: error <nil>, stored true
END
echo "as found: modernc.org/sqlite v1.62.0"
