#!/usr/bin/env bash
# python3-lockfile 0.12.2 of Debian 12.
#
# Guess: release() of a holder whose lock was broken and taken by another, as the example in the documentation does after
#        a LockTimeout, raises NotMyLock and leaves the lock alone: so it is documented, and i_am_locking() is False.
# Seen:  with LockFile (LinkLockFile, the class for Linux) release() succeeds and deletes the lock file of the next holder:
#        a third gets the lock beside it. release() looks whether its own unique file is there, which break_lock leaves,
#        and not whether it is the one that is linked to the lock file. With MkdirLockFile and SymlinkLockFile it is as
#        guessed.
set -euo pipefail
/usr/bin/python3 -c 'import lockfile' 2>/dev/null || { echo "install the Debian package python3-lockfile" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import os
import subprocess
import sys

from lockfile import Error, LockFile
from lockfile.mkdirlockfile import MkdirLockFile
from lockfile.symlinklockfile import SymlinkLockFile

kinds = {kind.__name__: kind for kind in (LockFile, MkdirLockFile, SymlinkLockFile)}


def call(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
        return 'succeeds'
    except Error as error:
        return type(error).__name__


def other(name, *what):
    return subprocess.run([sys.executable, __file__, name, *what], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


if len(sys.argv) > 1:  # another process, which keeps what it has got
    lock = kinds[sys.argv[1]](sys.argv[1])
    if 'break' in sys.argv:
        lock.break_lock()
    print('acquire ' + call(lock.acquire, timeout=0), flush=True)
    os._exit(0)
for name, kind in kinds.items():
    lock = kind(name)
    lock.acquire(timeout=0)
    print(kind.__name__)
    print('  while it is held: ' + other(name))
    print('  the next, with break_lock: ' + other(name, 'break'))
    print('  the first: i_am_locking %s, release %s' % (lock.i_am_locking(), call(lock.release)))
    print('  a third: ' + other(name))
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
LinkLockFile
  while it is held: acquire AlreadyLocked
  the next, with break_lock: acquire succeeds
  the first: i_am_locking False, release succeeds
  a third: acquire succeeds
MkdirLockFile
  while it is held: acquire AlreadyLocked
  the next, with break_lock: acquire succeeds
  the first: i_am_locking False, release NotMyLock
  a third: acquire AlreadyLocked
SymlinkLockFile
  while it is held: acquire AlreadyLocked
  the next, with break_lock: acquire succeeds
  the first: i_am_locking False, release NotMyLock
  a third: acquire AlreadyLocked
END
echo "as found: lockfile 0.12.2"
