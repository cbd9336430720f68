#!/usr/bin/env bash
# Debian's python3-schedule 1.1.0.
#
# Guess: a job that raises an exception ends that run_pending, as its documentation says; a caller that catches it and
#        goes on runs the other jobs the next time, and the failing one when it is due again.
# Seen:  the failing job runs in every call of run_pending, and a job that is due after it is never run. (A job gets its
#        next time when it has returned: one that raises stays the first that is due.)
set -euo pipefail
/usr/bin/python3 -c 'import schedule' 2>/dev/null || { echo "install the Debian package python3-schedule" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import time

import schedule

ran = {"report": 0, "renewal": 0}


def report():
    ran["report"] += 1
    raise ConnectionError


def renewal():
    ran["renewal"] += 1


schedule.every(1).seconds.do(report)
schedule.every(2).seconds.do(renewal)
time.sleep(4)
for _ in range(20):
    try:
        schedule.run_pending()
    except ConnectionError:
        pass
print("runs in 20 calls at once: report", ran["report"], "renewal", ran["renewal"])
time.sleep(3)
try:
    schedule.run_pending()
except ConnectionError:
    pass
print("runs after 3 more seconds: report", ran["report"], "renewal", ran["renewal"])
END
timeout 40 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
runs in 20 calls at once: report 20 renewal 0
runs after 3 more seconds: report 21 renewal 0
END
echo "as found: python3-schedule $(dpkg-query -f '${Version}' -W python3-schedule)"
