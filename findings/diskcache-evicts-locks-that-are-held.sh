#!/usr/bin/env bash
# python3-diskcache 5.4.0 of Debian 12.
#
# Guess: a Lock, RLock or BoundedSemaphore without expire is held until it is released, as long as nobody clears the
#        cache.
# Seen:  a lock is an item of the cache like any other. When the cache outgrows size_limit (1 GB by default), the items
#        stored longest ago go first, and a lock that is held is as old as its holder's work is long: the next process
#        gets it beside the holder, whose release succeeds (Lock) and frees the other's, or fails.
set -euo pipefail
/usr/bin/python3 -c 'import diskcache' 2>/dev/null || { echo "install the Debian package python3-diskcache" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import sys
import threading

import diskcache

directory = sys.argv[1]


def other(kind):
    """Whether another thread, with a cache of its own, gets the lock within five seconds."""
    got = threading.Event()

    def work():
        with diskcache.Cache(directory) as cache:
            kind(cache, kind.__name__).acquire()
            got.set()
    threading.Thread(target=work, daemon=True).start()
    return got.wait(5)


def attempt(call):
    try:
        return call()
    except AssertionError as error:
        return error


cache = diskcache.Cache(directory, size_limit=2 ** 20)
locks = {kind: kind(cache, kind.__name__) for kind in (diskcache.Lock, diskcache.RLock, diskcache.BoundedSemaphore)}
for kind, lock in locks.items():
    lock.acquire()
print('before: evicted', [kind.__name__ for kind in locks if kind.__name__ not in cache])
for number in range(200):
    cache.set(number, b'x' * 20000)
print('after 4 MB: evicted', [kind.__name__ for kind in locks if kind.__name__ not in cache])
for kind, lock in locks.items():
    print('%s: another gets it: %s, release of the first: %s, the key is there: %s' % (
        kind.__name__, other(kind), attempt(lock.release), kind.__name__ in cache))
END
timeout 60 /usr/bin/python3 run.py "$dir/cache" | tee seen
diff seen - <<'END'
before: evicted []
after 4 MB: evicted ['Lock', 'RLock', 'BoundedSemaphore']
Lock: another gets it: True, release of the first: None, the key is there: False
RLock: another gets it: True, release of the first: cannot release un-acquired lock, the key is there: True
BoundedSemaphore: another gets it: True, release of the first: None, the key is there: True
END
echo "as found: diskcache 5.4.0"
