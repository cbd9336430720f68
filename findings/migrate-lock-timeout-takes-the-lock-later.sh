#!/usr/bin/env bash
# github.com/golang-migrate/migrate/v4 v4.20.1 with github.com/lib/pq v1.12.3, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: an Up that fails with ErrLockTimeout has given up: it can be tried again later, and when the holder is done
#        the lock is free for all.
# Seen:  the attempt goes on in the background. When the holder is done, the one that had given up has the lock, runs
#        nothing, and keeps it: its own later Up fails with ErrLocked, and others time out and queue up in the same way.
#        Only the wait for the driver's Lock is given up, not the call, and no one gives the lock back that it brings.
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
mkdir migrations
echo 'SELECT pg_sleep(8); CREATE TABLE t (id int);' >migrations/1_t.up.sql
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	github.com/golang-migrate/migrate/v4 v4.20.1
	github.com/lib/pq v1.12.3
)
END
cat >main.go <<'END'
package main

import (
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database/postgres"
	_ "github.com/golang-migrate/migrate/v4/source/file"
)

func instance() *migrate.Migrate {
	db, err := sql.Open("postgres", "host="+os.Args[1]+" user=postgres dbname=postgres sslmode=disable")
	if err != nil {
		panic(err)
	}
	driver, err := postgres.WithInstance(db, &postgres.Config{})
	if err != nil {
		panic(err)
	}
	m, err := migrate.NewWithDatabaseInstance("file://migrations", "postgres", driver)
	if err != nil {
		panic(err)
	}
	m.LockTimeout = 2 * time.Second
	return m
}

func main() {
	a, b, c := instance(), instance(), instance()
	done := make(chan error)
	go func() { done <- a.Up() }()
	time.Sleep(time.Second)
	fmt.Println("b, while a has the lock:", b.Up())
	fmt.Println("a:", <-done)
	time.Sleep(2 * time.Second)
	fmt.Println("c, after a:", c.Up())
	fmt.Println("b, again:", b.Up())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . "$dir/pg" 2>err | tee seen || cat err
diff seen - <<'END'
b, while a has the lock: timeout: can't acquire database lock
a: <nil>
c, after a: timeout: can't acquire database lock
b, again: can't acquire lock
END
echo "as found: migrate v4.20.1"
