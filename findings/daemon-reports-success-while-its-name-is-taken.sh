#!/usr/bin/env bash
# daemon 0.8 of Debian 12 (libslack.org/daemon).
#
# Guess: `daemon --name x`, which prevents two instances of one name, fails if x is running, so a script can tell; and
#        after `daemon --name x --stop` it starts x again.
# Seen:  it exits with 0 and nothing is started, nor said; with --foreground it exits with 1. --stop returns once the
#        client has been sent SIGTERM, and the name is taken until the client has ended: what is started in between says
#        0 and is lost, so that in the end nothing runs. It goes to the background, where its parent exits with 0, before
#        it locks the pid file; the error goes to syslog.
set -euo pipefail
command -v daemon >/dev/null || { echo "install the Debian package daemon" >&2; exit 1; }
dir=$(mktemp -d)
named() { timeout 20 daemon --name worker --pidfiles "$dir" "$@"; }
trap '! named --running || named --stop || true; sleep 1; rm -rf "$dir"' EXIT
cd "$dir"
cat >client.sh <<'END'
trap 'touch "$1.asked"; sleep 5; touch "$1.ended"; exit 0' TERM
touch "$1.started"
while :; do sleep 0.1; done
END
wait_for() { for _ in $(seq 300); do [ ! -e "$1" ] || return 0; sleep 0.1; done; return 1; }
start() { # options, the client's name
	local status=0 name=${*: -1}
	named "${@:1:$#-1}" -- bash "$dir/client.sh" "$dir/$name" 2>/dev/null || status=$?
	echo "$name: exit status $status"
}
started() { if [ -e "$1.started" ]; then echo "$1: started"; else echo "$1: never started"; fi; }
{
	start one
	wait_for one.started
	start two
	start --foreground three
	sleep 3
	started two
	named --stop && echo "stop: exit status 0, the client $([ -e one.ended ] && echo 'has ended' || echo 'goes on')"
	wait_for one.asked
	start four
	wait_for one.ended
	sleep 3
	started four
	named --running && echo "in the end: running" || echo "in the end: nothing is running"
} | tee seen
diff seen - <<'END'
one: exit status 0
two: exit status 0
three: exit status 1
two: never started
stop: exit status 0, the client goes on
four: exit status 0
four: never started
in the end: nothing is running
END
echo "as found: daemon 0.8"
