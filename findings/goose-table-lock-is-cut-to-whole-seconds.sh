#!/usr/bin/env bash
# github.com/pressly/goose/v3 v3.30.1 with github.com/lib/pq v1.12.3, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: a table lock with a lease of 1.9 s and a heartbeat every 1.4 s is held for as long as the heartbeats come, and
#        a provider that has lost its lease all the same ends its migration.
# Seen:  the lease is cut to whole seconds: this one ends between two heartbeats, and one below 1 s is over at once. A
#        second provider runs the same migration beside the first, which goes on to its end: a heartbeat that finds no
#        row of its own is only logged, as a warning, and the locker's default logger drops warnings.
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/lib/pq v1.12.3
	github.com/pressly/goose/v3 v3.30.1
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	_ "github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

var running, most atomic.Int32

func up(lease, heartbeat time.Duration) error {
	db, err := sql.Open("postgres", "host="+os.Args[1]+" user=postgres dbname=postgres sslmode=disable")
	if err != nil {
		return err
	}
	defer db.Close()
	locker, err := lock.NewPostgresTableLocker(lock.WithTableLeaseDuration(lease), lock.WithTableHeartbeatInterval(heartbeat),
		lock.WithTableLockTimeout(50*time.Millisecond, 1000), lock.WithTableUnlockTimeout(50*time.Millisecond, 3))
	if err != nil {
		return err
	}
	work := func(context.Context, *sql.DB) error {
		most.Store(max(most.Load(), running.Add(1)))
		time.Sleep(4 * time.Second)
		running.Add(-1)
		return nil
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, nil, goose.WithLocker(locker), goose.WithDisableGlobalRegistry(true),
		goose.WithGoMigrations(goose.NewGoMigration(1, &goose.GoFunc{RunDB: work}, nil)))
	if err != nil {
		return err
	}
	_, err = p.Up(context.Background())
	return err
}

func main() {
	lease, err := time.ParseDuration(os.Args[2])
	if err != nil {
		panic(err)
	}
	heartbeat, err := time.ParseDuration(os.Args[3])
	if err != nil {
		panic(err)
	}
	first := make(chan error)
	go func() { first <- up(lease, heartbeat) }()
	time.Sleep(time.Second / 2)
	err = up(lease, heartbeat)
	fmt.Println("lease:", lease, "migrations at once:", most.Load(), "without an error:", <-first == nil && err == nil)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go build -o run . 2>err || cat err
for durations in '5s 1.4s' '1.9s 1.4s' '900ms 200ms'; do
	timeout 60 ./run "$dir/pg" $durations
	"${as[@]}" "$pg/psql" -h "$dir/pg" -qc 'DROP TABLE goose_db_version, goose_lock' postgres
done | tee seen
diff seen - <<'END'
lease: 5s migrations at once: 1 without an error: true
lease: 1.9s migrations at once: 2 without an error: false
lease: 900ms migrations at once: 2 without an error: false
END
echo "as found: goose v3.30.1"
