#!/usr/bin/env bash
# start-stop-daemon of dpkg 1.21 of Debian 12.
#
# Guess: `--stop --remove-pidfile` removes the pid file "after terminating the process", as documented, so that a daemon that
#        takes its time to stop is known until it has ended and `--start` refuses to start it twice.
# Seen:  without --retry the pid file goes as soon as the signal is sent: --status says that nothing runs, --start starts a
#        second daemon beside the first, and --stop no longer reaches the first. With --retry it stays until the daemon
#        has ended, also when that takes too long. "Terminated" is a kill(2) that succeeded if there is no schedule.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
command -v start-stop-daemon >/dev/null || { echo "install the Debian package dpkg" >&2; exit 1; }
dir=$(mktemp -d)
trap 'touch "$dir/end"; sleep 2; rm -rf "$dir"' EXIT
cd "$dir"
cat >daemon.sh <<'END'
trap 'touch "$1/asked.$$"' TERM
touch "$1/at-work.$$"
for _ in $(seq 600); do [ ! -e "$1/end" ] || break; sleep 0.1; done
rm "$1/at-work.$$"
END
at_work() { find . -name 'at-work.*' | wc -l; }
wait_for() { for _ in $(seq 200); do [ "$(find . -name "$1.*" | wc -l)" -lt $2 ] || return 0; sleep 0.1; done; return 1; }
tool() { # what to print, the arguments; prints the exit status
	local status=0
	timeout 30 start-stop-daemon "${@:2}" --pidfile "$dir/pid" >/dev/null 2>&1 || status=$?
	echo "$1: exit status $status, the pid file $([ -s pid ] && echo 'is there' || echo 'is gone')"
}
start() { # what to print
	local status=0
	timeout 30 start-stop-daemon --start --pidfile "$dir/pid" --make-pidfile --background --startas /bin/bash \
		-- "$dir/daemon.sh" "$dir" >/dev/null 2>&1 || status=$?
	sleep 3
	echo "$1: exit status $status, at work $(at_work)"
}
{
	start 'start'
	wait_for at-work 1
	tool 'stop with --retry' --stop --remove-pidfile --retry TERM/3
	start 'start while it stops'
	tool 'stop' --stop --remove-pidfile
	tool 'status' --status
	start 'start while it stops'
	wait_for at-work 2
	tool 'stop with --retry, KILL' --stop --remove-pidfile --retry KILL/9
	for file in at-work.*; do
		kill -0 "${file#at-work.}" 2>/dev/null || rm "$file" # killed, so it could not
	done
	tool 'stop again' --stop --remove-pidfile
	echo "left at work: $(at_work)"
} | tee seen
diff seen - <<'END'
start: exit status 0, at work 1
stop with --retry: exit status 2, the pid file is there
start while it stops: exit status 1, at work 1
stop: exit status 0, the pid file is gone
status: exit status 3, the pid file is gone
start while it stops: exit status 0, at work 2
stop with --retry, KILL: exit status 0, the pid file is gone
stop again: exit status 1, the pid file is gone
left at work: 1
END
echo "as found: dpkg 1.21"
