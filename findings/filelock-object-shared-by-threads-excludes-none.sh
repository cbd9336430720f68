#!/usr/bin/env bash
# Debian 12: python3-filelock 3.9.0, python3-portalocker 2.2.1, Linux.
#
# Guess: a function with @FileLock("job.lock"), or one FileLock object used by several threads, is run by one thread at a time, as
#        with a threading.RLock: "nested" locking, as documented, is for the one who has the lock.
# Seen:  all threads are in at once; only other processes are kept out. The object is taken for held, whoever asks, and each
#        acquire adds to one counter. A Lock object of portalocker is the same, and there the first thread to leave gives the
#        lock back for all: another process gets it beside the rest. With an object for each thread both exclude them.
set -euo pipefail
/usr/bin/python3 -c 'import filelock, portalocker' 2>/dev/null ||
	{ echo "install the Debian packages python3-filelock and python3-portalocker" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import subprocess
import sys
import threading
import filelock
import portalocker

OTHER = '''
import sys, filelock, portalocker
try:
    if sys.argv[1] == 'filelock':
        filelock.FileLock('job.lock').acquire(timeout=0)
    else:
        portalocker.Lock('job.lock', fail_when_locked=True).acquire()
    print('gets it')
except (filelock.Timeout, portalocker.AlreadyLocked):
    print('refused')
'''


def other(library):
    return subprocess.run([sys.executable, '-c', OTHER, library], capture_output=True, text=True, timeout=30).stdout.strip()


def threads(library, context):
    """Two threads with a lock each, or with one object: what comes of it."""
    came, leave = [threading.Event(), threading.Event()], [threading.Event(), threading.Event()]

    def work(n):
        with context():
            came[n].set()
            leave[n].wait(60)

    both = [threading.Thread(target=work, args=(n,)) for n in (0, 1)]
    both[0].start()
    came[0].wait(20)
    both[1].start()
    text = f'second in beside the first: {came[1].wait(2)}, another process: {other(library)}'
    leave[0].set()
    both[0].join()
    came[1].wait(20)
    text += f'; the first has left: {other(library)}'
    leave[1].set()
    both[1].join()
    return text


file_lock, port_lock = filelock.FileLock('job.lock'), portalocker.Lock('job.lock', timeout=30)
print('filelock, one object:', threads('filelock', lambda: file_lock))
print('filelock, two objects:', threads('filelock', lambda: filelock.FileLock('job.lock')))
print('portalocker, one object:', threads('portalocker', lambda: port_lock))
print('portalocker, two objects:', threads('portalocker', lambda: portalocker.Lock('job.lock', timeout=30)))
END
timeout 80 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
filelock, one object: second in beside the first: True, another process: refused; the first has left: refused
filelock, two objects: second in beside the first: False, another process: refused; the first has left: refused
portalocker, one object: second in beside the first: True, another process: refused; the first has left: gets it
portalocker, two objects: second in beside the first: False, another process: refused; the first has left: refused
END
echo "as found: filelock 3.9.0, portalocker 2.2.1"
