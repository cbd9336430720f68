#!/usr/bin/env bash
# ariga.io/atlas v0.32.1-0.20250325101103-175b25e1c1b9 with github.com/lib/pq v1.12.3 and
# github.com/go-sql-driver/mysql v1.10.1, Go 1.26, PostgreSQL 15 and MariaDB 10.11 of Debian 12.
#
# Guess: a Lock with a negative timeout waits without a limit: the interface says "Negative value means no timeout".
# Seen:  on PostgreSQL it is refused at once if another has the lock, as with the timeout 0. On MariaDB it fails even if
#        the lock is free ("unexpected internal error"): GET_LOCK is given the negative number, for which MariaDB
#        returns NULL. The loop for PostgreSQL ends when more time than the timeout has passed, as it always has.
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
for command in mariadbd mariadb-install-db; do
	command -v "$command" >/dev/null || { echo "install the Debian package mariadb-server" >&2; exit 1; }
done
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg" "$dir/my"
as=() user=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); chown mysql "$dir/my"; user=(--user=mysql); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true
	[ -z "${maria:-}" ] || { kill "$maria" 2>/dev/null; wait "$maria" 2>/dev/null; }; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
mariadb-install-db --no-defaults "${user[@]}" --datadir="$dir/my/data" --auth-root-authentication-method=normal >/dev/null 2>&1
mariadbd --no-defaults "${user[@]}" --datadir="$dir/my/data" --skip-networking --socket="$dir/my/sock" \
	--pid-file="$dir/my/pid" >my.log 2>&1 & maria=$!
for _ in $(seq 200); do [ -S "$dir/my/sock" ] && break; sleep 0.2; done
cat >go.mod <<'END'
module finding

go 1.26.0

require (
	ariga.io/atlas v0.32.1-0.20250325101103-175b25e1c1b9
	github.com/go-sql-driver/mysql v1.10.1
	github.com/lib/pq v1.12.3
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

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/mysql"
	"ariga.io/atlas/sql/postgres"
	"ariga.io/atlas/sql/schema"
	_ "github.com/go-sql-driver/mysql"
	_ "github.com/lib/pq"
)

func main() {
	ctx := context.Background()
	for _, d := range []struct {
		name, source string
		open         func(schema.ExecQuerier) (migrate.Driver, error)
	}{
		{"postgres", "host=" + os.Args[1] + "/pg user=postgres dbname=postgres sslmode=disable", postgres.Open},
		{"mysql", "root@unix(" + os.Args[1] + "/my/sock)/mysql", mysql.Open},
	} {
		db, err := sql.Open(d.name, d.source)
		if err != nil {
			panic(err)
		}
		driver, err := d.open(db)
		if err != nil {
			panic(err)
		}
		locker := driver.(schema.Locker)
		lock := func(what, name string, timeout time.Duration) {
			start := time.Now()
			_, err := locker.Lock(ctx, name, timeout)
			fmt.Printf("%s: %s, timeout %v: waited: %v, %v\n", d.name, what, timeout, time.Since(start) > 2*time.Second, err)
		}
		lock("free", "b", -time.Second)
		lock("free", "c", 3*time.Second)
		lock("taken", "c", 3*time.Second)
		lock("taken", "c", -time.Second)
	}
}
END
GOWORK=off GOFLAGS=-mod=mod timeout 200 go build -o run . 2>err || cat err
timeout 60 ./run "$dir" | tee seen
diff seen - <<'END'
postgres: free, timeout -1s: waited: false, <nil>
postgres: free, timeout 3s: waited: false, <nil>
postgres: taken, timeout 3s: waited: true, sql/schema: lock is held by other session
postgres: taken, timeout -1s: waited: false, sql/schema: lock is held by other session
mysql: free, timeout -1s: waited: false, sql/mysql: unexpected internal error on Lock("b", -1s)
mysql: free, timeout 3s: waited: false, <nil>
mysql: taken, timeout 3s: waited: true, sql/schema: lock is held by other session
mysql: taken, timeout -1s: waited: false, sql/mysql: unexpected internal error on Lock("c", -1s)
END
echo "as found: atlas v0.32.1-0.20250325101103-175b25e1c1b9"
