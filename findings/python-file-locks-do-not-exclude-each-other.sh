#!/usr/bin/env bash
# Debian 12: python3-filelock 3.9.0, python3-portalocker 2.2.1, python3-fasteners 0.17.3, python3-oslo.concurrency 5.0.1, flock of
# util-linux, Linux.
#
# Guess: locks of four Python libraries on one file exclude each other, at least on a local disk: all lock the file by the system.
# Seen:  filelock, portalocker and flock(1) exclude each other, fasteners and oslo.concurrency (and so tooz's file driver) each
#        other; between the two groups both hold the lock. The first group locks by flock(2), the second by fcntl(2), and on a
#        local disk Linux keeps the two apart.
set -euo pipefail
/usr/bin/python3 -c 'import filelock, portalocker, fasteners, oslo_concurrency' 2>/dev/null ||
	{ echo "install python3-filelock, python3-portalocker, python3-fasteners and python3-oslo.concurrency" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${holder:-}" ] || kill "$holder" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
cat >take.py <<'END'
import sys
import time


def take(library):
    if library == 'filelock':
        import filelock
        try:
            return filelock.FileLock('job.lock').acquire(timeout=0)
        except filelock.Timeout:
            return None
    if library == 'portalocker':
        import portalocker
        try:
            return portalocker.Lock('job.lock', fail_when_locked=True).acquire()
        except portalocker.AlreadyLocked:
            return None
    if library == 'fasteners':
        import fasteners
        lock = fasteners.InterProcessLock('job.lock')
    else:
        from oslo_concurrency import lockutils
        lock = lockutils.external_lock('job.lock', lock_path='.')
    return lock if lock.acquire(blocking=False) else None


lock = take(sys.argv[1])
if len(sys.argv) > 2:
    open(sys.argv[2], 'w').close()
    time.sleep(60)
sys.exit(0 if lock else 9)
END
for first in filelock portalocker fasteners oslo; do
	/usr/bin/python3 take.py $first "held-by-$first" & holder=$!
	for _ in {1..200}; do [ -e "held-by-$first" ] && break; sleep 0.1; done
	got=
	for second in filelock portalocker fasteners oslo; do
		status=0; timeout 20 /usr/bin/python3 take.py $second || status=$?
		case $status in 0) got+=" $second" ;; 9) ;; *) exit 1 ;; esac
	done
	flock -n job.lock true && got+=" flock"
	echo "$first holds it; beside it:$got" >>seen
	kill "$holder"; wait "$holder" 2>/dev/null || true; holder=
done
cat seen
diff seen - <<'END'
filelock holds it; beside it: fasteners oslo
portalocker holds it; beside it: fasteners oslo
fasteners holds it; beside it: filelock portalocker flock
oslo holds it; beside it: filelock portalocker flock
END
echo "as found: filelock 3.9.0, portalocker 2.2.1, fasteners 0.17.3, oslo.concurrency 5.0.1"
