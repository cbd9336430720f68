#!/usr/bin/env bash
# Debian's python3-kombu 5.2.4.
#
# Guess: replace of a pool, "replace existing resource with a new instance", leaves the place to the next one: who
#        waits in acquire(block=True) gets a new connection.
# Seen:  it waits on for ever, or for the whole timeout before it gets one, and so does whoever comes later with
#        block=True, though no connection is in use. With block=False acquire gets one at once. (replace puts nothing
#        into the queue, and a blocking acquire looks for a free place only when its wait at the queue is over.)
set -euo pipefail
/usr/bin/python3 -c 'import kombu' 2>/dev/null || { echo "install the Debian package python3-kombu" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import threading
import time

from kombu import Connection


def waiter(pool, **options):
    served = threading.Event()

    def wait():
        pool.acquire(block=True, **options)
        served.set()

    threading.Thread(target=wait, daemon=True).start()
    return served


for end in "release", "replace":
    pool = Connection("memory://").Pool(1)
    connection = pool.acquire()
    waiting = waiter(pool)
    time.sleep(1)
    connection.release() if end == "release" else pool.replace(connection)
    print(end, "- who waits has a connection:", waiting.wait(6))

pool = Connection("memory://").Pool(1)
pool.replace(pool.acquire())
limited = waiter(pool, timeout=9)
print("nothing is in use; with timeout=9, after 3 s:", limited.wait(3), "- after 30 s:", limited.wait(27))

pool = Connection("memory://").Pool(1)
pool.replace(pool.acquire())
begin = time.monotonic()
print("with block=False at once:", pool.acquire() is not None and time.monotonic() - begin < 3)
END
timeout 70 /usr/bin/python3 -W ignore run.py | tee seen
diff seen - <<'END'
release - who waits has a connection: True
replace - who waits has a connection: False
nothing is in use; with timeout=9, after 3 s: False - after 30 s: True
with block=False at once: True
END
echo "as found: python3-kombu $(dpkg-query -f '${Version}' -W python3-kombu)"
