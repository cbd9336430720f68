#!/usr/bin/env bash
# python3-daemonize 2.5.0 of Debian 12.
#
# Guess: the lock on the pid file lasts until the daemon's process has ended ("so that only one instance of this daemon is
#        running at any time"), so that a start is refused during a clean-up that atexit runs after a SIGTERM, as it is
#        while the daemon works.
# Seen:  the next daemon begins beside the clean-up, and when that has ended, the pid file of the next one is removed, so that
#        a third begins beside the second. The locked file is a local variable of start(): it is closed as the exit that the
#        SIGTERM raises leaves start(), before atexit runs anything; and what atexit runs last removes the file whoever's
#        it is.
set -euo pipefail
python=/usr/bin/python3
$python -c 'import daemonize' 2>/dev/null || { echo "install the Debian package python3-daemonize" >&2; exit 1; }
[[ $(dpkg-query -W -f '${Version}' python3-daemonize) == 2.5.0-* ]] || { echo "this needs python3-daemonize 2.5.0" >&2; exit 1; }
dir=$(mktemp -d)
trap 'touch "$dir/go" "$dir/end"; sleep 2; rm -rf "$dir"' EXIT
cd "$dir"
cat >daemon.py <<'END'
import atexit
import os
import sys
import time

from daemonize import Daemonize

directory = sys.argv[1]


def mark(what):
    open(os.path.join(directory, '%s.%d' % (what, os.getpid())), 'w').close()


def wait(seconds, name):
    for _ in range(seconds * 10):
        if os.path.exists(os.path.join(directory, name)):
            break
        time.sleep(0.1)


def clean_up():
    mark('cleans-up')
    wait(60, 'go')
    mark('cleaned-up')


def work():
    atexit.register(clean_up)
    mark('works')
    wait(80, 'end')


Daemonize(app='job', pid=os.path.join(directory, 'pid'), action=work, chdir=directory).start()
END
count() { find . -name "$1.*" | wc -l; }
wait_for() { # a condition
	for _ in $(seq 200); do ! eval "$1" || return 0; sleep 0.1; done
	echo "not seen: $1" >&2
	return 1
}
start() { # what to print
	timeout 20 $python daemon.py "$dir" >out 2>&1 || true
	sleep 3
	echo "$1: $([ -s out ] && cat out || echo 'no error'), daemons that have begun: $(count works), that have cleaned up: $(count cleaned-up)"
}
{
	start 'start'
	wait_for '[ "$(count works)" = 1 ]'
	first=$(ls works.*)
	start 'start while the first works'
	kill "${first#works.}"
	wait_for '[ "$(count cleans-up)" = 1 ]'
	start 'start while the first cleans up'
	touch go
	wait_for '! kill -0 "${first#works.}" 2>/dev/null || [[ $(ps -o stat= -p "${first#works.}") == Z* ]]'
	echo "the first has ended: $([ -e pid ] && echo 'the pid file is there' || echo 'the pid file is gone')"
	start 'start while the second works'
} | tee seen
diff seen - <<'END'
start: no error, daemons that have begun: 1, that have cleaned up: 0
start while the first works: Unable to lock on the pidfile., daemons that have begun: 1, that have cleaned up: 0
start while the first cleans up: no error, daemons that have begun: 2, that have cleaned up: 0
the first has ended: the pid file is gone
start while the second works: no error, daemons that have begun: 3, that have cleaned up: 1
END
echo "as found: python3-daemonize 2.5.0"
