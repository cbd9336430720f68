#!/usr/bin/env bash
# Debian 12: python3-oslo.concurrency 5.0.1, python3-fasteners 0.17.3, Linux.
#
# Guess: methods that name one lock exclude each other, as documented, also if one of them asks for fair=True; with external=True
#        all the more, and the lock's file stays locked as long as one of them is in.
# Seen:  the fair one and the other run side by side, with external=True as well; and when one of the two leaves, another process
#        gets the lock beside the one that is still in. Fair locks and the others are kept in two tables, and the file's lock
#        is the process's: the second one gets it at once, and the first to leave gives it back for both.
set -euo pipefail
/usr/bin/python3 -c 'import oslo_concurrency' 2>/dev/null || { echo "install the Debian package python3-oslo.concurrency" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >other.py <<'END'
from oslo_concurrency import lockutils

try:
    with lockutils.lock('job', external=True, lock_path='locks', blocking=False):
        print('  another process gets the lock')
except lockutils.AcquireLockFailedException:
    print('  another process is refused')
END
cat >run.py <<'END'
import subprocess
import sys
import threading
from oslo_concurrency import lockutils


def other_process():
    sys.stdout.flush()
    subprocess.run([sys.executable, 'other.py'], check=True, timeout=30)


for fair in False, True:
    came, leave = threading.Event(), threading.Event()

    @lockutils.synchronized('job', external=True, lock_path='locks')
    def second():
        came.set()
        leave.wait(60)

    @lockutils.synchronized('job', external=True, lock_path='locks', fair=fair)
    def first():
        thread = threading.Thread(target=second)
        thread.start()
        print(f'first with fair={fair} is in; second is in beside it:', came.wait(3))
        other_process()
        if came.is_set():
            leave.set()
            thread.join()
            print('  second has left, first is in')
            other_process()
        return thread

    thread = first()
    leave.set()
    thread.join()
END
timeout 60 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
first with fair=False is in; second is in beside it: False
  another process is refused
first with fair=True is in; second is in beside it: True
  another process is refused
  second has left, first is in
  another process gets the lock
END
echo "as found: oslo.concurrency 5.0.1"
