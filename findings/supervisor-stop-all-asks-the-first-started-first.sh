#!/usr/bin/env bash
# supervisor 4.2.5 of Debian 12.
#
# Guess: a program with a lower `priority` is started first and stopped last, by `supervisorctl stop all` too, as
#        documented, so that a database is there for as long as the application that needs it.
# Seen:  `stop all` asks the programs in the order in which they are started, the database first, and waits for none
#        before it asks the next: the application works on without it. A shutdown of supervisord asks the application
#        first and waits for it, unless both are of one `[group]`: then it does not wait. stopAllProcesses sorts as
#        startAllProcesses does; the shutdown goes through the groups in reverse, one at a time.
set -euo pipefail
command -v supervisord >/dev/null || { echo "install the Debian package supervisor" >&2; exit 1; }
dir=$(mktemp -d)
ctl() { timeout 60 supervisorctl -c "$dir/$1.conf" "${@:2}"; }
trap 'for name in apart group; do [ ! -S "$dir/$name.sock" ] || ctl $name shutdown >/dev/null || true; done; sleep 6; rm -rf "$dir"' EXIT
cd "$dir"
cat >work.sh <<'END'
trap 'echo "$1 is asked" >>events; sleep $2; echo "$1 has ended" >>events; exit 0' TERM
echo "$1 works" >>events
while :; do sleep 0.1; done
END
configure() {
	cat >$1.conf <<-END
	[unix_http_server]
	file=$dir/$1.sock
	[supervisord]
	logfile=$dir/$1.log
	loglevel=debug
	pidfile=$dir/$1.pid
	directory=$dir
	[rpcinterface:supervisor]
	supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
	[supervisorctl]
	serverurl=unix://$dir/$1.sock
	[program:database]
	command=bash work.sh database 0
	priority=1
	stopwaitsecs=40
	[program:application]
	command=bash work.sh application 4
	priority=2
	stopwaitsecs=40
	$2
	END
}
wait_for() { for _ in $(seq 300); do [ "$(grep -c "$1" events)" != "$2" ] || return 0; sleep 0.1; done; return 1; }
outcome() { # what was done, the first line of the log that counts
	echo "$1: asked are $(tail -n "+$2" "$3.log" | grep -oE 'killing [a-z]+' | cut -d' ' -f2 | xargs)"
	if [ "$(grep -nE 'database is asked|application has ended' events | head -1 | cut -d: -f2)" = 'database is asked' ]; then
		echo "$1: the database ends while the application works"
	else
		echo "$1: the database ends after the application"
	fi
}
configure apart ''
configure group $'[group:shop]\nprograms=database,application'
{
	>events; supervisord -c apart.conf; wait_for works 2
	sleep 3; line=$(($(wc -l <apart.log) + 1))
	ctl apart stop all >/dev/null; outcome 'stop all' $line apart
	>events; ctl apart start all >/dev/null; wait_for works 2; line=$(($(wc -l <apart.log) + 1))
	ctl apart shutdown >/dev/null; wait_for ended 2; outcome shutdown $line apart
	>events; supervisord -c group.conf; wait_for works 2; sleep 3
	ctl group shutdown >/dev/null; wait_for ended 2; outcome 'shutdown of a group' 1 group
} | tee seen
diff seen - <<'END'
stop all: asked are database application
stop all: the database ends while the application works
shutdown: asked are application database
shutdown: the database ends after the application
shutdown of a group: asked are application database
shutdown of a group: the database ends while the application works
END
echo "as found: supervisor 4.2.5"
