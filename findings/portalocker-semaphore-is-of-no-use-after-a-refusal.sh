#!/usr/bin/env bash
# Debian 12: python3-portalocker 2.2.1, Linux.
#
# Guess: a BoundedSemaphore whose acquire() raised AlreadyLocked, as all places were taken, can be tried again later.
# Seen:  every later acquire() of that object raises AssertionError "Already locked" at once, also when all places are free. The
#        attempt that failed leaves its last lock in the object as if it were held. After a release() of what was never got, which
#        has no error, acquire() works again.
set -euo pipefail
/usr/bin/python3 -c 'import portalocker' 2>/dev/null || { echo "install the Debian package python3-portalocker" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import contextlib
import io
import portalocker


def attempt(semaphore):
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints each attempt
            return 'got ' + semaphore.acquire().filename
    except (portalocker.AlreadyLocked, AssertionError) as err:
        return ' '.join([type(err).__name__, *err.args])


def place():
    return portalocker.BoundedSemaphore(1, directory='.', timeout=0.5, check_interval=0.1)


holder, other = place(), place()
print('holder:', attempt(holder))
print('other:', attempt(other))
print('other, once more:', attempt(other))
holder.release()
print('holder has released it; other:', attempt(other))
print('a new object:', attempt(new := place()))
new.release()
other.release()
print('other, after a release:', attempt(other))
END
timeout 30 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
holder: got bounded_semaphore.00.lock
other: AlreadyLocked
other, once more: AssertionError Already locked
holder has released it; other: AssertionError Already locked
a new object: got bounded_semaphore.00.lock
other, after a release: got bounded_semaphore.00.lock
END
echo "as found: portalocker 2.2.1"
