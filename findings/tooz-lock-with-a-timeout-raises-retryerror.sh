#!/usr/bin/env bash
# python3-tooz 3.1.0 with python3-redis 4.3.4 and python3-pymemcache 3.5.2, redis-server 7.0.15, memcached 1.6.18, Debian 12.
#
# Guess: acquire(blocking=1.5) returns False when the lock was not to be had in that time, and "with" then raises
#        LockAcquireFailed, whatever the driver: that is what the documentation of Lock.acquire says.
# Seen:  so with Redis and files. With memcached, as with MySQL and PostgreSQL, which have the same loop, both raise
#        tenacity's RetryError, which is no ToozError: code that was tested with one driver fails with another. The
#        loop tries again by raising TryAgain, and no one turns the error of its end into False.
set -euo pipefail
for command in redis-server redis-cli memcached; do
	command -v "$command" >/dev/null || { echo "install the Debian packages redis-server and memcached" >&2; exit 1; }
done
/usr/bin/python3 -c 'import pymemcache, redis, tooz' 2>/dev/null ||
	{ echo "install the Debian packages python3-tooz, python3-redis and python3-pymemcache" >&2; exit 1; }
dir=$(mktemp -d)
trap 'for pid in ${server:-} ${memcached:-}; do kill "$pid" 2>/dev/null; done; rm -rf "$dir"' EXIT
cd "$dir"
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --daemonize no >/dev/null & server=$!
until [ "$(redis-cli -s "$dir/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
memcached -u "$(id -un)" -l 127.0.0.1 -p "$port" -U 0 & memcached=$!
until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
cat >run.py <<'END'
import sys

import tooz
from tooz import coordination

for url in sys.argv[1:]:
    a = coordination.get_coordinator(url, b'a')
    b = coordination.get_coordinator(url, b'b')
    a.start()
    b.start()
    held, wanted = a.get_lock(b'job'), b.get_lock(b'job')
    held.acquire()
    try:
        result = wanted.acquire(blocking=1.5)
    except Exception as error:
        result = type(error).__name__
    try:
        with wanted(blocking=1.5):
            raised = None
    except Exception as error:
        raised = error
    print('%s: acquire %s, with %s, a ToozError: %s' % (
        url.split(':')[0], result, type(raised).__name__, isinstance(raised, tooz.ToozError)))
END
timeout 60 /usr/bin/python3 run.py "redis://$dir/redis.sock" "file://$dir/files" "memcached://127.0.0.1:$port" | tee seen
diff seen - <<'END'
redis: acquire False, with LockAcquireFailed, a ToozError: True
file: acquire False, with LockAcquireFailed, a ToozError: True
memcached: acquire RetryError, with RetryError, a ToozError: False
END
echo "as found: tooz 3.1.0"
