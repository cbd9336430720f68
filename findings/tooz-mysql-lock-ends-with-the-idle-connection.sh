#!/usr/bin/env bash
# Debian 12: python3-tooz 3.1.0 with its MySQL driver (python3-pymysql 1.0.2), and MariaDB 10.11.
#
# Guess: a lock of the MySQL driver, which declares NON_TIMEOUT_BASED, is held until it is released or its process ends, and
#        heartbeat() keeps it, or finds out that it is gone.
# Seen:  it ends with the server's wait_timeout, eight hours by default and 4 s here: the lock has a connection of its own, on
#        which nothing is sent. Then another has it, "acquired" stays true, heartbeat() has no error, release() raises ToozError
#        each time, and the object can never acquire again, as it takes itself for the holder.
set -euo pipefail
for command in mariadbd mariadb-install-db; do
	command -v "$command" >/dev/null || { echo "install the Debian package mariadb-server" >&2; exit 1; }
done
/usr/bin/python3 -c 'import tooz, pymysql' 2>/dev/null || { echo "install the Debian packages python3-tooz and python3-pymysql" >&2; exit 1; }
dir=$(mktemp -d)
chmod 711 "$dir"
mkdir "$dir/my"
user=()
[ "$(id -u)" != 0 ] || { chown mysql "$dir/my"; user=(--user=mysql); }
trap '[ -z "${maria:-}" ] || { kill "$maria" 2>/dev/null; wait "$maria" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
mariadb-install-db --no-defaults "${user[@]}" --datadir="$dir/my/data" --auth-root-authentication-method=normal >/dev/null 2>&1
mariadbd --no-defaults "${user[@]}" --datadir="$dir/my/data" --skip-networking --socket="$dir/my/sock" \
	--pid-file="$dir/my/pid" --wait-timeout=4 >my.log 2>&1 & maria=$!
for _ in $(seq 200); do [ -S "$dir/my/sock" ] && break; sleep 0.2; done
cat >run.py <<'END'
import sys
import time
from tooz import coordination


def start(member):
    c = coordination.get_coordinator(f'mysql://root@localhost/mysql?unix_socket={sys.argv[1]}', member)
    c.start()
    return c, c.get_lock(b'job')


def attempt(f, *args):
    try:
        return f(*args)
    except Exception as err:
        return type(err).__name__


one, lock = start(b'one')
two, other = start(b'two')
print('declared:', coordination.Characteristics.NON_TIMEOUT_BASED in one.CHARACTERISTICS)
print('one gets it:', lock.acquire(False), '- two:', other.acquire(False))
end = time.monotonic() + 30
while time.monotonic() < end and not other.acquire(False):
    one.heartbeat()
    time.sleep(1)
print('later two gets it:', other.acquired, '- one acquired:', lock.acquired, '- heartbeat:', attempt(one.heartbeat))
print('one release:', attempt(lock.release), '- again:', attempt(lock.release))
print('two release:', attempt(other.release), '- one gets it:', attempt(lock.acquire, False))
END
timeout 60 /usr/bin/python3 run.py "$dir/my/sock" 2>/dev/null | tee seen
diff seen - <<'END'
declared: True
one gets it: True - two: False
later two gets it: True - one acquired: True - heartbeat: None
one release: ToozError - again: ToozError
two release: True - one gets it: False
END
echo "as found: tooz 3.1.0"
