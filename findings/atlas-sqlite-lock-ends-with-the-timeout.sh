#!/usr/bin/env bash
# ariga.io/atlas v0.32.1-0.20250325101103-175b25e1c1b9, modernc.org/sqlite v1.62.0, Go 1.26.
#
# Guess: the timeout of the driver's Lock is how long it waits, as the interface says and as on PostgreSQL and MySQL;
#        a lock that was got is held until unlock.
# Seen:  on SQLite the timeout is how long the lock lasts, and nothing waits: a taken lock is refused at once whatever
#        the timeout, a lock with the timeout 0 ("try lock") excludes no one, and a holder that is at work for longer
#        than its timeout is joined by the next, whose lock it then takes away. A file with a time is the lock.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir tmp
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	ariga.io/atlas v0.32.1-0.20250325101103-175b25e1c1b9
	modernc.org/sqlite v1.62.0
)
END
cat >main.go <<'END'
package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
	_ "modernc.org/sqlite"
)

func locker() schema.Locker {
	db, err := sql.Open("sqlite", "file:app.db")
	if err != nil {
		panic(err)
	}
	driver, err := sqlite.Open(db)
	if err != nil {
		panic(err)
	}
	return driver.(schema.Locker)
}

func main() {
	ctx := context.Background()
	a, b, c := locker(), locker(), locker()
	_, errA := a.Lock(ctx, "try", 0)
	_, errB := b.Lock(ctx, "try", 0)
	fmt.Println("try lock, twice:", errA, errB)
	unlockA, errA := a.Lock(ctx, "migrate", 3*time.Second)
	start := time.Now()
	_, errB = b.Lock(ctx, "migrate", time.Minute)
	fmt.Println("a:", errA)
	fmt.Println("b, with a minute to wait, is refused at once:", errB != nil && time.Since(start) < time.Second)
	time.Sleep(4 * time.Second)
	_, errB = b.Lock(ctx, "migrate", time.Minute)
	fmt.Println("b, 4 s later, while a is at work:", errB)
	fmt.Println("a unlocks:", unlockA())
	_, errC := c.Lock(ctx, "migrate", time.Minute)
	fmt.Println("c, while b is at work:", errC)
}
END
TMPDIR="$dir/tmp" GOWORK=off GOFLAGS=-mod=mod timeout 110 go run . 2>err | tee seen || cat err
diff seen - <<'END'
try lock, twice: <nil> <nil>
a: <nil>
b, with a minute to wait, is refused at once: true
b, 4 s later, while a is at work: <nil>
a unlocks: <nil>
c, while b is at work: <nil>
END
echo "as found: atlas v0.32.1-0.20250325101103-175b25e1c1b9"
