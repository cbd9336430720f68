#!/usr/bin/env bash
# Debian's python3-diskcache 5.4.0.
#
# Guess: with expire=4 a place of a BoundedSemaphore that its holder never gives back, for it has died, is free again
#        4 seconds later.
# Seen:  it stays taken for as long as somebody acquires or releases every 4 seconds: a semaphore in use loses a place
#        with each holder that dies. Only after 4 seconds of rest is it free, and so are then the places of those at work.
#        (The semaphore is one number under one key, and each acquire and release sets that key's time anew.)
set -euo pipefail
/usr/bin/python3 -c 'import diskcache' 2>/dev/null || { echo "install the Debian package python3-diskcache" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import threading
import time

from diskcache import BoundedSemaphore, Cache

cache = Cache("cache")


def semaphore():
    return BoundedSemaphore(cache, "licences", value=2, expire=4)


def free():
    return cache.get("licences", default=2)


semaphore().acquire()  # and its holder dies
for _ in range(14):
    with semaphore():
        time.sleep(1)
print("14 seconds of use later, free:", free(), "of 2")
time.sleep(9)
print("after 9 seconds of rest, free:", free(), "of 2")

at_work = semaphore(), semaphore()
for one in at_work:
    one.acquire()
time.sleep(9)
third = threading.Thread(target=semaphore().acquire, daemon=True)
third.start()
third.join(5)
print("two are at work for 9 seconds, a third is let in:", not third.is_alive())
END
timeout 70 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
14 seconds of use later, free: 1 of 2
after 9 seconds of rest, free: 2 of 2
two are at work for 9 seconds, a third is let in: True
END
echo "as found: python3-diskcache $(dpkg-query -f '${Version}' -W python3-diskcache)"
