#!/usr/bin/env bash
# github.com/acaloiaro/neoq v0.72.2, Go 1.26, PostgreSQL 15 of Debian 12.
#
# Guess: a job that has failed and waits for its next try is unprocessed, and one with the same payload a duplicate.
# Seen:  it is taken, and the two can run at once. If the second fails as well, its failure is not stored: it stays
#        "new" for good, without a retry, and from then on every other with that payload is refused as a duplicate,
#        though no one works on the one that it duplicates. The index that finds duplicates has the status in it, so
#        that there may be a "new" and a "failed" job, but not a second "failed" one.
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

require github.com/acaloiaro/neoq v0.72.2
END
cat >main.go <<'END'
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/acaloiaro/neoq"
	"github.com/acaloiaro/neoq/backends/postgres"
	"github.com/acaloiaro/neoq/handler"
	"github.com/acaloiaro/neoq/jobs"
)

func main() {
	ctx := context.Background()
	nq, err := neoq.New(ctx, neoq.WithBackend(postgres.Backend),
		postgres.WithConnectionString("postgres://postgres@localhost/postgres?sslmode=disable&host="+os.Args[1]))
	if err != nil {
		panic(err)
	}
	var mu sync.Mutex
	runs := map[int64]int{}
	done := make(chan int64, 100)
	work := handler.New("mail", func(ctx context.Context) error {
		job, err := jobs.FromContext(ctx)
		if err != nil {
			return err
		}
		mu.Lock()
		runs[job.ID]++
		mu.Unlock()
		done <- job.ID
		return errors.New("no connection")
	})
	if err := nq.Start(ctx, work); err != nil {
		panic(err)
	}
	enqueue := func() string {
		id, err := nq.Enqueue(ctx, &jobs.Job{Queue: "mail", Payload: map[string]any{"to": 7}})
		return fmt.Sprintf("%q %v", id, err)
	}
	fmt.Println("first:", enqueue())
	<-done
	time.Sleep(time.Second)
	fmt.Println("second, after the first has failed:", enqueue())
	for id := range done {
		if id != 1 {
			break
		}
	}
	time.Sleep(20 * time.Second)
	mu.Lock()
	fmt.Printf("20 s later: the first has run again: %v, the second has run %d times\n", runs[1] > 1, runs[2])
	mu.Unlock()
	fmt.Println("third:", enqueue())
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o run . 2>err || cat err
{
	timeout 60 ./run "$dir/pg" 2>&1 | grep -v '^time=' # its own log
	"${as[@]}" "$pg/psql" -h "$dir/pg" -Atc "SELECT id, status, retries > 0 FROM neoq_jobs ORDER BY id" postgres
} | tee seen
diff seen - <<'END'
first: "1" <nil>
second, after the first has failed: "2" <nil>
20 s later: the first has run again: true, the second has run 1 times
third: "" duplicate job
1|failed|t
2|new|f
END
echo "as found: neoq v0.72.2"
