#!/usr/bin/env bash
# Debian 12: python3-tooz 3.1.0 with its memcached driver (python3-pymemcache), and memcached 1.6.18.
#
# Guess: heartbeat() of a lock that has expired and that another has by now says False and leaves the other's key alone, as the
#        owner's name is the key's value and release() compares it.
# Seen:  it says True and prolongs the other's key. When that one dies, the key of nobody stays for as long as the first one's
#        coordinator sends its heartbeats, and everybody else is shut out. The key is prolonged whatever its value.
set -euo pipefail
command -v memcached >/dev/null || { echo "install the Debian package memcached" >&2; exit 1; }
/usr/bin/python3 -c 'import tooz, pymemcache' 2>/dev/null ||
	{ echo "install the Debian packages python3-tooz and python3-pymemcache" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
memcached -l 127.0.0.1 -p "$port" -U 0 -u "$(id -un)" >/dev/null 2>&1 & server=$!
for _ in {1..100}; do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.1; done
cat >run.py <<'END'
import sys
import time
from tooz import coordination

EXPIRY = 4


def start(member):
    c = coordination.get_coordinator(f'memcached://127.0.0.1:{sys.argv[1]}?lock_timeout={EXPIRY}', member)
    c.start()
    return c, c.get_lock(b'job')


def gets(lock, seconds, meanwhile=lambda: None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if lock.acquire(blocking=False):
            return True
        meanwhile()
        time.sleep(0.5)
    return False


paused, first = start(b'paused')
_, second = start(b'second')
_, third = start(b'third')
print('paused gets it:', first.acquire(blocking=False))
print('second gets it when it has expired:', gets(second, 5 * EXPIRY))
print('paused: still owner:', first.is_still_owner(), '- heartbeat:', first.heartbeat(), '- acquired:', first.acquired)
# The second has died: it sends nothing any more.
print('third gets it while paused sends heartbeats:', gets(third, 4 * EXPIRY, paused.heartbeat))
print('third gets it when paused has ended:', gets(third, 5 * EXPIRY))
END
timeout 80 /usr/bin/python3 run.py "$port" 2>/dev/null | tee seen
diff seen - <<'END'
paused gets it: True
second gets it when it has expired: True
paused: still owner: False - heartbeat: True - acquired: True
third gets it while paused sends heartbeats: False
third gets it when paused has ended: True
END
echo "as found: tooz 3.1.0"
