#!/usr/bin/env bash
# python3-fakeredis 1.9.0 and python3-redis 4.3.4, and redis-server 7.0.15 of Debian 12.
#
# Guess: a transaction that WATCHes its lease's key fails in a test with fakeredis as on Redis, if the lease has run out
#        before EXEC.
# Seen:  on Redis it is aborted with a WatchError, on fakeredis it is carried out, unless another has taken the lease by
#        then: a key that is written or deleted there marks the transactions that watch it, one that expires does not,
#        not even when it is found missing.
set -euo pipefail
command -v redis-server >/dev/null || { echo "install the Debian package redis-server" >&2; exit 1; }
/usr/bin/python3 -c 'import fakeredis' 2>/dev/null || { echo "install the Debian package python3-fakeredis" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
cat >run.py <<'END'
import sys
import time

import fakeredis
import redis


def write_under_lease(client, end):
    client.set('lease', 'me', px=3000)
    with client.pipeline() as transaction:
        transaction.watch('lease')
        assert transaction.get('lease') == b'me'
        end(client)
        transaction.multi()
        transaction.set('record', 'mine')
        try:
            transaction.execute()
            return 'carried out'
        except redis.WatchError:
            return 'aborted'


def taken(client):
    time.sleep(4)
    client.set('lease', 'another', nx=True)


ends = {
    'the lease is held': lambda client: None,
    'it is deleted': lambda client: client.delete('lease'),
    'it has run out': lambda client: time.sleep(4),
    'it has run out and is found missing': lambda client: (time.sleep(4), client.exists('lease')),
    'it has run out and another has it': taken,
}
for name, client in (('Redis', redis.Redis(unix_socket_path=sys.argv[1])), ('fakeredis', fakeredis.FakeRedis())):
    for what, end in ends.items():
        client.flushall()
        print('%s, %s: %s' % (name, what, write_under_lease(client, end)))
END
timeout 60 /usr/bin/python3 run.py "$dir/redis.sock" | tee seen
diff seen - <<'END'
Redis, the lease is held: carried out
Redis, it is deleted: aborted
Redis, it has run out: aborted
Redis, it has run out and is found missing: aborted
Redis, it has run out and another has it: aborted
fakeredis, the lease is held: carried out
fakeredis, it is deleted: aborted
fakeredis, it has run out: carried out
fakeredis, it has run out and is found missing: carried out
fakeredis, it has run out and another has it: aborted
END
echo "as found: fakeredis 1.9.0"
