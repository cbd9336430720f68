#!/usr/bin/env bash
# Debian's python3-kombu 5.2.4.
#
# Guess: a LaxBoundedSemaphore of 2 that grows by 1 has 3 users at most, and one that shrinks by 1 has 1 once both have
#        released, also while callbacks wait.
# Seen:  grown, it has 4 users, one of which has overtaken a callback that waits; shrunk, it has 2 for as long as
#        callbacks wait. (grow counts the new place as free and gives it to a waiter as well; release hands the place to
#        the next waiter without a look at the size. With nobody waiting both are right.)
set -euo pipefail
/usr/bin/python3 -c 'import kombu.asynchronous.semaphore' 2>/dev/null || { echo "install the Debian package python3-kombu" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
from kombu.asynchronous.semaphore import LaxBoundedSemaphore


def four_of_two():
    semaphore, users = LaxBoundedSemaphore(2), []
    for name in "abcd":
        semaphore.acquire(users.append, name)
    return semaphore, users


semaphore, users = four_of_two()
print("of 2:", *users)
semaphore.grow(1)
semaphore.acquire(users.append, "e")
print("grown to 3, with e come later:", *users)

semaphore, users = four_of_two()
semaphore.shrink(1)
for _ in range(2):
    users.pop(0)
    semaphore.release()
print("shrunk to 1, after two releases:", *users)
END
timeout 20 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
of 2: a b
grown to 3, with e come later: a b c e
shrunk to 1, after two releases: c d
END
echo "as found: python3-kombu $(dpkg-query -f '${Version}' -W python3-kombu)"
