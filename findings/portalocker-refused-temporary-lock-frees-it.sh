#!/usr/bin/env bash
# Debian 12: python3-portalocker 2.2.1, Linux.
#
# Guess: a process that is refused a TemporaryFileLock, as another has it, leaves that one alone when it ends.
# Seen:  its end deletes the holder's lock file, and the next process locks a new file of that name beside the holder. Every
#        TemporaryFileLock object registers its release() to run at exit, and release() deletes the file whether or not the
#        object has the lock. A change is announced for portalocker 4.0.0.
set -euo pipefail
/usr/bin/python3 -c 'import portalocker' 2>/dev/null || { echo "install the Debian package python3-portalocker" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >take.py <<'END'
import sys
import time
import portalocker

name, hold = sys.argv[1], len(sys.argv) > 2
lock = portalocker.TemporaryFileLock('job.lock')
try:
    lock.acquire()
    print(name, 'has the lock', flush=True)
    if hold:
        open('held', 'w').close()
        time.sleep(60)
except portalocker.AlreadyLocked:
    print(name, 'is refused', flush=True)
END
/usr/bin/python3 take.py holder hold >seen 2>/dev/null & holder=$!
for _ in {1..200}; do [ -e held ] && break; sleep 0.1; done
for name in second third; do
	timeout 20 /usr/bin/python3 take.py "$name" >>seen
	kill -0 "$holder" && echo "holder is at work" >>seen
done
cat seen
diff seen - <<'END'
holder has the lock
second is refused
holder is at work
third has the lock
holder is at work
END
echo "as found: portalocker 2.2.1"
