#!/usr/bin/env bash
# Debian's python3-celery 5.2.6. Run it as root: it needs processes of two users.
#
# Guess: create_pidlock (--pidfile of celery beat and worker) refuses to start while the process in the pid file runs,
#        whoever runs it.
# Seen:  a process of another user counts as gone: its pid file is replaced, and both are at work. When the first one
#        ends, it deletes the file of the second one, and a third is let in. (A signal that is not permitted is taken
#        for a process that is not there; release deletes the file without a look at it.)
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "run this as root" >&2; exit 1; }
/usr/bin/python3 -c 'import celery' 2>/dev/null || { echo "install the Debian package python3-celery" >&2; exit 1; }
dir=$(mktemp -d)
trap 'for p in ${first:-} ${second:-}; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
mkdir run
chown nobody run
chmod 755 "$dir"
cat >hold.py <<'END'
import sys

from celery.platforms import create_pidlock

create_pidlock("run/beat.pid")
print("at work", flush=True)
sys.stdin.readline()
END
outcome() { for _ in $(seq 150); do ! grep -q 'at work\|ERROR' "$1" || break; sleep 0.2; done; grep -o 'at work\|ERROR' "$1" | head -n 1; }
start() { # name, command...
	mkfifo "$1.go"
	timeout 80 "${@:2}" /usr/bin/python3 -W ignore hold.py <"$1.go" >"$1.out" 2>&1 &
}
{
	start first; first=$!
	exec 3>first.go
	echo "root: $(outcome first.out)"
	echo "root again: $(timeout 30 /usr/bin/python3 -W ignore hold.py </dev/null 2>&1 | grep -o 'at work\|ERROR' | head -n 1)"
	start second runuser -u nobody --; second=$!
	exec 4>second.go
	echo "nobody: $(outcome second.out)"
	kill -0 "$first" && echo "root is still at work"
	echo >&3
	wait "$first" || true
	kill -0 "$second" && [ ! -e run/beat.pid ] && echo "root has ended; nobody is still at work, without a pid file"
	echo >&4
	wait "$second" || true
} >seen
cat seen
diff seen - <<'END'
root: at work
root again: ERROR
nobody: at work
root is still at work
root has ended; nobody is still at work, without a pid file
END
echo "as found: python3-celery $(dpkg-query -f '${Version}' -W python3-celery)"
