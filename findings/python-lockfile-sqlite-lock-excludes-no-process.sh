#!/usr/bin/env bash
# python3-lockfile 0.12.2 of Debian 12.
#
# Guess: SQLiteLockFile, documented to have the meaning of LinkLockFile with sqlite3 as its means, keeps other processes
#        out, and acquire() without a timeout waits, as documented for all classes.
# Seen:  each process makes a database of its own, a temporary file with a random name, so that two processes both hold
#        the lock of one path; only threads exclude each other. PIDLockFile does not wait: without a timeout it raises
#        AlreadyLocked at once, where the others wait.
set -euo pipefail
/usr/bin/python3 -c 'import lockfile' 2>/dev/null || { echo "install the Debian package python3-lockfile" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import os
import subprocess
import sys
import threading

from lockfile import Error
from lockfile.linklockfile import LinkLockFile
from lockfile.mkdirlockfile import MkdirLockFile
from lockfile.pidlockfile import PIDLockFile
from lockfile.sqlitelockfile import SQLiteLockFile

kinds = {kind.__name__: kind for kind in (LinkLockFile, MkdirLockFile, SQLiteLockFile, PIDLockFile)}


def acquire(name, seen, **timeout):
    try:
        kinds[name](name).acquire(**timeout)
        seen.append('succeeds')
    except Error as error:
        seen.append(type(error).__name__)


def thread(name, **timeout):
    seen = []
    worker = threading.Thread(target=acquire, args=(name, seen), kwargs=timeout, daemon=True)
    worker.start()
    worker.join(5)
    return seen[0] if seen else 'waits'


def process(name, *timeout):
    try:
        return subprocess.run([sys.executable, __file__, name, *timeout], timeout=10, stdout=subprocess.PIPE, text=True).stdout.strip()
    except subprocess.TimeoutExpired:
        return 'waits'


if len(sys.argv) > 1:
    seen = []
    acquire(sys.argv[1], seen, **({'timeout': 0} if 'now' in sys.argv else {}))
    print(seen[0], flush=True)
    os._exit(0)
for name, kind in kinds.items():
    lock = kind(name)
    lock.acquire(timeout=0)
    print(name + ' is held, another acquires it')
    print('  timeout 0: a thread %s, a process %s' % (thread(name, timeout=0), process(name, 'now')))
    print('  no timeout: a process %s' % process(name))
sys.stdout.flush()
os._exit(0)
END
TMPDIR=$dir timeout 80 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
LinkLockFile is held, another acquires it
  timeout 0: a thread AlreadyLocked, a process AlreadyLocked
  no timeout: a process waits
MkdirLockFile is held, another acquires it
  timeout 0: a thread AlreadyLocked, a process AlreadyLocked
  no timeout: a process waits
SQLiteLockFile is held, another acquires it
  timeout 0: a thread AlreadyLocked, a process succeeds
  no timeout: a process succeeds
PIDLockFile is held, another acquires it
  timeout 0: a thread AlreadyLocked, a process AlreadyLocked
  no timeout: a process AlreadyLocked
END
echo "as found: lockfile 0.12.2"
