#!/usr/bin/env bash
# Debian's buildbot 3.7.0.
#
# Guess: the queue of a lock is "in FIFO order", as its source says: while a build waits for 3 units of a MasterLock of 3,
#        later builds that want 1 unit wait behind it.
# Seen:  they overtake it as long as 1 is free, one after the other, and the large claim can wait for ever. Behind an
#        exclusive claim they do wait. (A claim counts those ahead of it as 1 unit each, whatever they want.)
set -euo pipefail
/usr/bin/python3 -W ignore -c 'import buildbot.locks' 2>/dev/null || { echo "install the Debian package buildbot" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
from buildbot.locks import BaseLock, MasterLock

name = MasterLock("licences", maxCount=3)
small = name.access("counting", 1)


class Build:
    pass


for waiting in name.access("counting", 3), name.access("exclusive"):
    lock, first = BaseLock("licences", 3), Build()
    lock.claim(first, small)
    lock.waitUntilMaybeAvailable(Build(), waiting)
    at_work, overtaken = first, 0
    for _ in range(5):  # the next one begins before the last one ends
        later = Build()
        if lock.isAvailable(later, small):
            lock.claim(later, small)
            lock.release(at_work, small)
            at_work, overtaken = later, overtaken + 1
    print(f"{waiting.mode} claim of {waiting.count} waits, later ones that have begun:", overtaken)
END
timeout 30 /usr/bin/python3 -W ignore run.py | tee seen
diff seen - <<'END'
counting claim of 3 waits, later ones that have begun: 5
exclusive claim of 1 waits, later ones that have begun: 0
END
echo "as found: buildbot $(dpkg-query -f '${Version}' -W buildbot)"
