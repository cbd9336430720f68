#!/usr/bin/env bash
# Debian's python3-beaker 1.11.0.
#
# Guess: file_synchronizer of one name with two lock_dirs in one process locks a file in each of the two.
# Seen:  the second one is the first one: it locks in the first one's directory, and another process that has the second
#        directory alone takes the lock beside it. Whether it does depends on what else the process has locked.
#        (Synchronizers are looked up by name and class, without the directory.)
set -euo pipefail
/usr/bin/python3 -W ignore -c 'import beaker' 2>/dev/null || { echo "install the Debian package python3-beaker" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >other.py <<'END'
from beaker.synchronization import file_synchronizer

print("another process, in two:", file_synchronizer("job", lock_dir="two").acquire(wait=False))
END
cat >run.py <<'END'
import subprocess
import sys

from beaker.synchronization import file_synchronizer


def other():
    print("  ", subprocess.check_output([sys.executable, "-W", "ignore", "other.py"], text=True).strip(), flush=True)


print("without a lock in one:")
lock = file_synchronizer("job", lock_dir="two")
print("   acquire in two:", lock.acquire(wait=False))
other()
lock.release()
del lock

print("with a lock in one:")
first = file_synchronizer("job", lock_dir="one")
lock = file_synchronizer("job", lock_dir="two")
print("   acquire in two:", lock.acquire(wait=False))
other()
END
timeout 40 /usr/bin/python3 -W ignore run.py | tee seen
diff seen - <<'END'
without a lock in one:
   acquire in two: True
   another process, in two: False
with a lock in one:
   acquire in two: True
   another process, in two: True
END
echo "as found: python3-beaker $(dpkg-query -f '${Version}' -W python3-beaker)"
