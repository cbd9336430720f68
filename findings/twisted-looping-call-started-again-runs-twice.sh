#!/usr/bin/env bash
# Debian's python3-twisted 22.4.0.
#
# Guess: a LoopingCall that is stopped while a run is at work (a renewal, say) and started again has one run every
#        interval, and the Deferred of the first start fires.
# Seen:  it has two every interval from the end of that run on, and the first Deferred never fires. Stopped then, it
#        makes one more run, which ends in an AssertionError. (The run at work schedules the next one when it ends if the
#        call is running by then, and start does not know of it: it replaces the Deferred.)
set -euo pipefail
/usr/bin/python3 -c 'import twisted' 2>/dev/null || { echo "install the Debian package python3-twisted" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, LoopingCall

for stopped in "between two runs", "in a run":
    clock, runs, at_work, fired = Clock(), [], Deferred(), []

    def renew():
        runs.append(clock.seconds())
        if stopped == "in a run" and len(runs) == 1:
            return at_work

    loop = LoopingCall(renew)
    loop.clock = clock

    def seconds(n):
        before = len(runs)
        for _ in range(n):
            clock.advance(1)
        return len(runs) - before

    loop.start(10).addCallback(lambda _: fired.append("first"))
    seconds(3)
    loop.stop()
    loop.start(10).addCallback(lambda _: fired.append("second"))
    seconds(4)
    at_work.callback(None)
    print("stopped", stopped, "and started again:", seconds(100), "runs in 100 s at one in 10 s")
    loop.stop()
    print("  stopped: runs in 100 s:", seconds(100), "- Deferreds that fired:", *fired)
END
timeout 30 /usr/bin/python3 -W ignore run.py 2>err | tee seen
grep -c AssertionError err | sed 's/^/assertion errors: /' | tee -a seen
diff seen - <<'END'
stopped between two runs and started again: 10 runs in 100 s at one in 10 s
  stopped: runs in 100 s: 0 - Deferreds that fired: first second
stopped in a run and started again: 20 runs in 100 s at one in 10 s
  stopped: runs in 100 s: 1 - Deferreds that fired: second
assertion errors: 1
END
echo "as found: python3-twisted $(dpkg-query -f '${Version}' -W python3-twisted)"
