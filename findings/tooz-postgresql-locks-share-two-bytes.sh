#!/usr/bin/env bash
# python3-tooz 3.1.0 with python3-psycopg2 2.9.5, and PostgreSQL 15, all of Debian 12.
#
# Guess: two locks with different names have nothing to do with each other, and one that is held costs a connection.
# Seen:  a name is hashed to two bytes, so there are 65536 locks: of the names job-0 to job-499 two pairs or so are one
#        lock, and who holds one of a pair and asks for the other waits for itself. The connection is not set to
#        autocommit, so that each lock that is held is a transaction left open: the server's
#        idle_in_transaction_session_timeout ends the lock, and "acquired" stays true.
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
/usr/bin/python3 -c 'import psycopg2, tooz' 2>/dev/null || { echo "install the Debian packages python3-tooz and python3-psycopg2" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/pg"
as=()
[ "$(id -u)" != 0 ] || { chown postgres "$dir/pg"; as=(runuser -u postgres --); }
trap '"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -m immediate stop >/dev/null 2>&1 || true; rm -rf "$dir"' EXIT
cd "$dir"
"${as[@]}" "$pg/initdb" -D "$dir/pg/data" -U postgres -A trust >/dev/null
"${as[@]}" "$pg/pg_ctl" -D "$dir/pg/data" -o "-k $dir/pg -c listen_addresses='' -c idle_in_transaction_session_timeout=3s" \
	-l "$dir/pg/log" -w start >/dev/null
cat >run.py <<'END'
import sys
import time

from tooz import coordination

url = 'postgresql://postgres@localhost?dbname=postgres&host=' + sys.argv[1]
a = coordination.get_coordinator(url, b'a')
b = coordination.get_coordinator(url, b'b')
a.start()
b.start()
first, same, other = a.get_lock(b'job-181'), b.get_lock(b'job-492'), b.get_lock(b'job-182')
print('job-181:', first.acquire(blocking=False))
print('job-182:', other.acquire(blocking=False))
print('job-492:', same.acquire(blocking=False))
time.sleep(8)
print('8 s later, job-181 is acquired:', first.acquired)
print('job-181 for b:', b.get_lock(b'job-181').acquire(blocking=False))
END
timeout 60 /usr/bin/python3 run.py "$dir/pg" | tee seen
diff seen - <<'END'
job-181: True
job-182: True
job-492: False
8 s later, job-181 is acquired: True
job-181 for b: True
END
echo "as found: tooz 3.1.0"
