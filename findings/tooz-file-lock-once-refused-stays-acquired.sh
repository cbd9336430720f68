#!/usr/bin/env bash
# Debian 12: python3-tooz 3.1.0 with its file driver, python3-fasteners 0.17.3, Linux.
#
# Guess: a lock that was refused once, as another process had it, and is then acquired and released, is not "acquired" any more.
# Seen:  "acquired" and is_still_owner() stay true after the release, while another process has the lock. And if the program
#        then releases what it finds acquired, its next acquire and release leave the file locked: no other process gets it
#        while this one lives. An attempt that is refused is counted in the lock object and not taken back.
set -euo pipefail
/usr/bin/python3 -c 'import tooz' 2>/dev/null || { echo "install the Debian package python3-tooz" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import os
import subprocess
import sys
from tooz import coordination


def other(action):
    return subprocess.Popen([sys.executable, __file__, action], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def gets_it():
    return other('try').communicate(timeout=30)[0].strip()


coordinator = coordination.get_coordinator('file://' + os.path.abspath('locks'), b'member-%d' % os.getpid())
coordinator.start()
lock = coordinator.get_lock(b'job')
if len(sys.argv) > 1:
    print(lock.acquire(blocking=False), flush=True)
    if sys.argv[1] == 'hold':
        sys.stdin.read()
    os._exit(0)

holder = other('hold')
holder.stdout.readline()
print('while another process has it:', lock.acquire(blocking=False))
holder.communicate()
print('later:', lock.acquire(blocking=False), '- release:', lock.release())
holder = other('hold')
print('another process has it:', holder.stdout.readline().strip(), '- acquired:', lock.acquired, '- owner:', lock.is_still_owner())
holder.communicate()
if lock.acquired:
    print('release once more:', lock.release())
print('acquire:', lock.acquire(blocking=False), '- release:', lock.release(), '- acquired:', lock.acquired)
print('another process gets it:', gets_it())
END
timeout 60 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
while another process has it: False
later: True - release: True
another process has it: True - acquired: True - owner: True
release once more: True
acquire: True - release: True - acquired: False
another process gets it: False
END
echo "as found: tooz 3.1.0"
