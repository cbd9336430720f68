#!/usr/bin/env bash
# python3-tooz 3.1.0 with python3-fasteners 0.17.3, Debian 12.
#
# Guess: with the file driver, two processes that acquire a lock with shared=True both get it, as two coordinators of one
#        process do.
# Seen:  the second process does not get it while the first has it, or waits for it: the lock is shared within a process
#        alone. The driver counts the holders of its own process, and between processes there is the exclusive lock
#        of the file, whatever shared says.
set -euo pipefail
/usr/bin/python3 -c 'import fasteners, tooz' 2>/dev/null || { echo "install the Debian package python3-tooz" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import subprocess
import sys

from tooz import coordination


def coordinator(name):
    c = coordination.get_coordinator('file://' + sys.argv[1], name)
    c.start()
    return c


def other_process():
    return subprocess.run([sys.executable, __file__, sys.argv[1], 'other'], timeout=20, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, universal_newlines=True).stdout.strip()


if len(sys.argv) > 2:
    lock = coordinator(b'c').get_lock(b'table')
    print(lock.acquire(blocking=3, shared=True))
    lock.release()
else:
    a, b = coordinator(b'a'), coordinator(b'b')
    first, second = a.get_lock(b'table'), b.get_lock(b'table')
    print('another process, while nobody has it:', other_process())
    print('shared by two coordinators of a process:', first.acquire(shared=True), second.acquire(blocking=3, shared=True))
    print('another process:', other_process())
    first.release()
    second.release()
    a.stop()
    b.stop()
END
timeout 60 /usr/bin/python3 run.py "$dir/locks" | tee seen
diff seen - <<'END'
another process, while nobody has it: True
shared by two coordinators of a process: True True
another process: False
END
echo "as found: tooz 3.1.0"
