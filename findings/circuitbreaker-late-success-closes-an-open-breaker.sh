#!/usr/bin/env bash
# Debian's python3-circuitbreaker 1.4.0.
#
# Guess: an open breaker stays open for recovery_timeout, and an exception that is none of expected_exception is no
#        success: it changes nothing.
# Seen:  a call that began before the breaker opened closes it when it ends well, and the next call goes through. An
#        unexpected exception sets the count of failures back, and in a call after the timeout it closes the breaker.
#        (Every end of a call that is no expected failure closes the breaker, whatever its state.)
set -euo pipefail
/usr/bin/python3 -c 'import circuitbreaker' 2>/dev/null || { echo "install the Debian package python3-circuitbreaker" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import threading
import time

from circuitbreaker import CircuitBreaker


def call(breaker, action):
    @breaker
    def guarded():
        if isinstance(action, Exception):
            raise action
        if action:
            action.wait(20)
    try:
        guarded()
    except Exception:
        pass


def new(timeout):
    return CircuitBreaker(2, timeout, expected_exception=ConnectionError, name="store")


breaker, end = new(600), threading.Event()
old = threading.Thread(target=call, args=(breaker, end))
old.start()
time.sleep(1)
for _ in range(2):
    call(breaker, ConnectionError())
print("after two failures:", breaker.state)
end.set()
old.join()
print("after the end of an older call:", breaker.state)

breaker = new(600)
for error in ConnectionError(), ValueError(), ConnectionError():
    call(breaker, error)
print("failures after a connection error, a value error and a connection error:", breaker.failure_count)

breaker = new(1)
for _ in range(2):
    call(breaker, ConnectionError())
time.sleep(3)
print("after the timeout:", breaker.state)
call(breaker, ValueError())
print("after a value error:", breaker.state)
END
timeout 30 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
after two failures: open
after the end of an older call: closed
failures after a connection error, a value error and a connection error: 1
after the timeout: half_open
after a value error: closed
END
echo "as found: python3-circuitbreaker $(dpkg-query -f '${Version}' -W python3-circuitbreaker)"
