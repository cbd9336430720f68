#!/usr/bin/env bash
# maragu.dev/goqite v0.4.0 with github.com/lib/pq v1.12.3, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: a message that was received is not received by another before its timeout, as the README promises; two that
#        receive at the same time get one message each, also with ReceiveTx, "like Receive, but within an existing
#        transaction".
# Seen:  on PostgreSQL two ReceiveTx at the same time get the same message, which counts as received twice (of
#        MaxReceive), and a Receive beside one fails with a serialization error. The statement looks for the message
#        in a subquery without FOR UPDATE SKIP LOCKED: the second waits for the first's transaction, and then takes
#        the message without another look at its timeout. Receive is kept from that by its own isolation level alone.
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
	maragu.dev/goqite v0.4.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	_ "github.com/lib/pq"
	"maragu.dev/goqite"
)

func main() {
	ctx := context.Background()
	db, err := sql.Open("postgres", "host="+os.Args[1]+" user=postgres dbname=postgres sslmode=disable")
	if err != nil {
		panic(err)
	}
	q := goqite.New(goqite.NewOpts{DB: db, Name: "jobs", SQLFlavor: goqite.SQLFlavorPostgreSQL, Timeout: time.Hour})
	for _, body := range []string{"first", "second", "third"} {
		if err := q.Send(ctx, goqite.Message{Body: []byte(body)}); err != nil {
			panic(err)
		}
	}
	begin := func() *sql.Tx {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			panic(err)
		}
		return tx
	}
	// beside receives twice, the second time while the transaction of the first is at work.
	beside := func(second func() (*goqite.Message, error)) (a, b *goqite.Message, err error) {
		tx := begin()
		a, err = q.ReceiveTx(ctx, tx)
		if err != nil {
			panic(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			b, err = second()
		}()
		time.Sleep(2 * time.Second)
		if err := tx.Commit(); err != nil {
			panic(err)
		}
		<-done
		return a, b, err
	}
	a, b, err := beside(func() (*goqite.Message, error) {
		tx := begin()
		defer tx.Commit()
		return q.ReceiveTx(ctx, tx)
	})
	fmt.Printf("ReceiveTx twice: %q and %q, the same message: %v, %v\n", a.Body, b.Body, a.ID == b.ID, err)
	var received int
	if err := db.QueryRow("SELECT received FROM goqite WHERE id = $1", string(a.ID)).Scan(&received); err != nil {
		panic(err)
	}
	fmt.Println("received:", received)
	_, _, err = beside(func() (*goqite.Message, error) { return q.Receive(ctx) })
	fmt.Println("Receive beside ReceiveTx:", err)
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o run . 2>err || cat err
schema=$(GOWORK=off GOFLAGS=-mod=mod go list -m -f '{{.Dir}}' maragu.dev/goqite)/schema_postgres.sql
"${as[@]}" "$pg/psql" -h "$dir/pg" -v ON_ERROR_STOP=1 -q postgres <"$schema"
timeout 60 ./run "$dir/pg" | tee seen
diff seen - <<'END'
ReceiveTx twice: "first" and "first", the same message: true, <nil>
received: 2
Receive beside ReceiveTx: pq: could not serialize access due to concurrent update (40001)
END
echo "as found: goqite v0.4.0"
