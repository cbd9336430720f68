#!/usr/bin/env bash
# Debian's python3-psycopg-pool 3.1.7, python3-psycopg 3.1.7 and PostgreSQL 15.
#
# Guess: a pool of 1 to 5 connections that has grown to 5 stays at 5 after resize(min_size=5, max_size=5): max_size is
#        "the maximum number of connections the pool will hold".
# Seen:  it opens 4 more and lends all 9 at once. The same call before the pool has grown makes 5. (resize opens as many
#        connections as the minimum has risen by, however many there are.)
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
/usr/bin/python3 -c 'import psycopg_pool' 2>/dev/null || { echo "install the Debian package python3-psycopg-pool" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses=''" -l "$dir/pg/log" -w start >/dev/null
cat >run.py <<'END'
import sys
import time

from psycopg_pool import ConnectionPool, PoolTimeout


def lend(pool, most):
    lent = []
    try:
        for _ in range(most):
            lent.append(pool.getconn(timeout=5))
    except PoolTimeout:
        pass
    for connection in lent:
        pool.putconn(connection)
    time.sleep(2)
    return len(lent)


for grown in False, True:
    with ConnectionPool("postgresql://postgres@localhost/postgres?host=" + sys.argv[1], min_size=1, max_size=5) as pool:
        pool.wait()
        if grown:
            print("it lends", lend(pool, 6))
        pool.resize(min_size=5, max_size=5)
        time.sleep(4)
        print("resized to 5 at most", "after it has grown:" if grown else "before it has grown:", "it lends", lend(pool, 12))
END
timeout 80 /usr/bin/python3 run.py "$dir/pg" 2>/dev/null | tee seen
diff seen - <<'END'
resized to 5 at most before it has grown: it lends 5
it lends 5
resized to 5 at most after it has grown: it lends 9
END
echo "as found: python3-psycopg-pool $(dpkg-query -f '${Version}' -W python3-psycopg-pool)"
