#!/usr/bin/env bash
# python3-django-pglocks 1.0.4 with python3-django 3.2.25 and python3-psycopg2 2.9.5, and PostgreSQL 15, all of Debian 12.
#
# Guess: advisory_lock gives its lock up at the end of the with block, whatever error has ended it.
# Seen:  not if a statement has failed in a transaction around the block (ATOMIC_REQUESTS has one around every view): the
#        lock stays with the connection when the transaction has been rolled back, and others wait until it is closed.
#        The process itself gets the lock again, and is then one release behind. PostgreSQL takes no statement in a failed
#        transaction, and the release is one, whose own error takes the place of the first.
set -euo pipefail
pg=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -n "$pg" ] || { echo "install the Debian package postgresql" >&2; exit 1; }
/usr/bin/python3 -c 'import django_pglocks, psycopg2' 2>/dev/null ||
	{ echo "install the Debian packages python3-django-pglocks and python3-psycopg2" >&2; exit 1; }
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

import django
from django.conf import settings

database = {'ENGINE': 'django.db.backends.postgresql', 'NAME': 'postgres', 'USER': 'postgres', 'HOST': sys.argv[1]}
settings.configure(DATABASES={'default': database, 'other': database})
django.setup()

from django.db import connection, transaction
from django_pglocks import advisory_lock


def other():
    with advisory_lock('nightly', wait=False, using='other') as acquired:
        return acquired


def view(fail):
    try:
        with transaction.atomic():
            with advisory_lock('nightly'):
                if fail == 'program':
                    raise ValueError
                if fail == 'statement':
                    connection.cursor().execute('SELECT 1 / 0')
    except Exception as error:
        return str(error).strip().split('\n')[0] or type(error).__name__


for fail in ('no', 'program', 'statement', 'no'):
    error = view(fail)
    print('error: %s: %s; in a transaction: %s, others get the lock: %s' % (fail, error, connection.in_atomic_block, other()))
connection.close()
print('after the connection was closed: others get the lock:', other())
END
timeout 60 /usr/bin/python3 run.py "$dir/pg" | tee seen
diff seen - <<'END'
error: no: None; in a transaction: False, others get the lock: True
error: program: ValueError; in a transaction: False, others get the lock: True
error: statement: current transaction is aborted, commands ignored until end of transaction block; in a transaction: False, others get the lock: False
error: no: None; in a transaction: False, others get the lock: False
after the connection was closed: others get the lock: True
END
echo "as found: django-pglocks 1.0.4"
