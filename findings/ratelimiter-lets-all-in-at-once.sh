#!/usr/bin/env bash
# Debian's python3-ratelimiter 1.2.0.
#
# Guess: a RateLimiter of 2 calls in 10 seconds that several threads or tasks share lets two of them in, and the others
#        after 10 seconds.
# Seen:  all that come before the first has finished are let in at once. (A call is counted when it leaves the block: the
#        lock is given up between the look at the count and that, and the time of a call does not count.)
set -euo pipefail
/usr/bin/python3 -c 'import ratelimiter' 2>/dev/null || { echo "install the Debian package python3-ratelimiter" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import threading
import time
import warnings

warnings.simplefilter("ignore")
from ratelimiter import RateLimiter

for duration in 0, 3:
    limiter = RateLimiter(max_calls=2, period=10)
    begin, entered = time.monotonic(), []

    def call():
        with limiter:
            entered.append(time.monotonic() - begin)
            time.sleep(duration)

    threads = [threading.Thread(target=call, daemon=True) for _ in range(6)]
    for thread in threads:
        thread.start()
        time.sleep(0.2)
    time.sleep(1.5)
    print(f"calls of {duration} s, within the first seconds:", len(entered), "of", len(threads))
END
timeout 30 /usr/bin/python3 run.py 2>/dev/null | tee seen
diff seen - <<'END'
calls of 0 s, within the first seconds: 2 of 6
calls of 3 s, within the first seconds: 6 of 6
END
echo "as found: python3-ratelimiter $(dpkg-query -f '${Version}' -W python3-ratelimiter)"
