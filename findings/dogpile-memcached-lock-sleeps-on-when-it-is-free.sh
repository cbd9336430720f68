#!/usr/bin/env bash
# python3-dogpile.cache 1.1.8 with python3-pymemcache 3.5.2, and memcached 1.6.18, Debian 12.
#
# Guess: who waits for a distributed_lock asks for it every second or so, as with Redis, where it is a tenth of a second.
# Seen:  each sleep is twice as long as the one before, without a limit but 2**15 / 2.5 s (3 h 38 min): a lock that is
#        given up after 20 s is idle for another 5 to 14 s with all who want it asleep, and one that comes by then gets
#        it before those that have waited. So do all callers of get_or_create that wait for a slow value.
set -euo pipefail
command -v memcached >/dev/null || { echo "install the Debian package memcached" >&2; exit 1; }
/usr/bin/python3 -c 'import dogpile.cache, pymemcache' 2>/dev/null ||
	{ echo "install the Debian packages python3-dogpile.cache and python3-pymemcache" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${memcached:-}" ] || kill "$memcached" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
memcached -u "$(id -un)" -l 127.0.0.1 -p "$port" -U 0 & memcached=$!
until (: >"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
cat >run.py <<'END'
import sys
import threading
import time

from dogpile.cache import make_region


def region():
    return make_region().configure('dogpile.cache.pymemcache', arguments={'url': sys.argv[1], 'distributed_lock': True})


def mutex():
    return region().backend.get_mutex('report')


held = mutex()
held.acquire()
got = []


def wait():
    lock = mutex()
    lock.acquire()
    got.append(time.time())
    lock.release()


waiters = [threading.Thread(target=wait) for _ in range(3)]
for waiter in waiters:
    waiter.start()
time.sleep(20)
held.release()
released = time.time()
late = mutex()
print('one that comes when it is given up gets it:', late.acquire(wait=False))
late.release()
for waiter in waiters:
    waiter.join()
print('the first of three that waited gets it at least 4 s later:', min(got) - released >= 4)
END
timeout 80 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
diff seen - <<'END'
one that comes when it is given up gets it: True
the first of three that waited gets it at least 4 s later: True
END
echo "as found: dogpile.cache 1.1.8"
