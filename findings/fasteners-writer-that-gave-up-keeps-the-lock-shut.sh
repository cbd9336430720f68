#!/usr/bin/env bash
# Debian 12: python3-fasteners 0.17.3.
#
# Guess: a thread whose wait for write_lock() of a ReaderWriterLock is ended by an exception, as that of a signal handler which
#        limits the wait, is no longer in the queue.
# Seen:  it stays at the head of the queue for good: when the holder has left, the lock is free, has_pending_writers is true, and
#        no other thread gets it, reader or writer. The queue is left only by getting the lock. oslo.concurrency's fair locks are
#        of this kind.
set -euo pipefail
/usr/bin/python3 -c 'import fasteners' 2>/dev/null || { echo "install the Debian package python3-fasteners" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import signal
import threading
import time
import fasteners

lock = fasteners.ReaderWriterLock()


def starts(method, until):
    """Whether a new thread gets the lock; it leaves when the event is set."""
    came = threading.Event()

    def run():
        with method():
            came.set()
            until.wait()

    threading.Thread(target=run, daemon=True).start()
    return came.wait(4)


class TooLate(Exception):
    pass


def late(*_):
    raise TooLate


leave, at_once = threading.Event(), threading.Event()
at_once.set()
print('holder:', starts(lock.write_lock, leave))
signal.signal(signal.SIGALRM, late)
signal.alarm(2)
try:
    with lock.write_lock():
        print('got it')
except TooLate:
    print('waited for two seconds')
leave.set()
while lock.owner:
    time.sleep(0.1)
print('free:', lock.owner is None, '- pending writers:', lock.has_pending_writers)
print('a reader gets it:', starts(lock.read_lock, at_once))
print('a writer gets it:', starts(lock.write_lock, at_once))
END
timeout 40 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
holder: True
waited for two seconds
free: True - pending writers: True
a reader gets it: False
a writer gets it: False
END
echo "as found: fasteners 0.17.3"
