#!/usr/bin/env bash
# github.com/vgarvardt/gue/v5 v5.8.0 with github.com/jackc/pgx/v5 v5.13.0, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: a job that returns an error has it counted and is run again after the backoff, whatever the error was.
# Seen:  if a statement on Job.Tx was the error, nothing is counted or put off: the job runs again at once, hundreds of
#        times a second, without an end. The count is written in the same transaction, and PostgreSQL takes no more
#        statements in a transaction in which one has failed.
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
	github.com/jackc/pgx/v5 v5.13.0
	github.com/vgarvardt/gue/v5 v5.8.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/vgarvardt/gue/v5"
	"github.com/vgarvardt/gue/v5/adapter/pgxv5"
)

func main() {
	pool, err := pgxpool.New(context.Background(), "user=postgres dbname=postgres host="+os.Args[1])
	if err != nil {
		panic(err)
	}
	client, err := gue.NewClient(pgxv5.NewConnPool(pool), gue.WithClientBackoff(gue.NewConstantBackoff(3*time.Second)))
	if err != nil {
		panic(err)
	}
	for _, kind := range []string{"other", "sql"} {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
		runs := 0
		worker, err := gue.NewWorker(client, gue.WorkMap{kind: func(ctx context.Context, j *gue.Job) error {
			runs++
			if kind == "other" {
				return errors.New("no answer")
			}
			_, err := j.Tx().Exec(ctx, "INSERT INTO accounts VALUES (1)") // there is one already
			return err
		}}, gue.WithWorkerQueue(kind), gue.WithWorkerPollInterval(200*time.Millisecond))
		if err != nil {
			panic(err)
		}
		if err := client.Enqueue(ctx, &gue.Job{Queue: kind, Type: kind}); err != nil {
			panic(err)
		}
		if err := worker.Run(ctx); err != nil {
			panic(err)
		}
		cancel()
		var counted int
		if err := pool.QueryRow(context.Background(), "SELECT error_count FROM gue_jobs WHERE queue = $1", kind).Scan(&counted); err != nil {
			panic(err)
		}
		fmt.Printf("%s error, backoff 3 s: runs in 8 s more than ten: %v, counted: %v\n", kind, runs > 10, counted > 0)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o run . 2>err || cat err
{
	cat "$(GOWORK=off GOFLAGS=-mod=mod go list -m -f '{{.Dir}}' github.com/vgarvardt/gue/v5)/migrations/schema.sql"
	echo "CREATE TABLE accounts (id int PRIMARY KEY); INSERT INTO accounts VALUES (1);"
} | "${as[@]}" "$pg/psql" -h "$dir/pg" -v ON_ERROR_STOP=1 -q postgres
timeout 60 ./run "$dir/pg" | tee seen
diff seen - <<'END'
other error, backoff 3 s: runs in 8 s more than ten: false, counted: true
sql error, backoff 3 s: runs in 8 s more than ten: true, counted: false
END
echo "as found: gue v5.8.0"
