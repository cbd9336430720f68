#!/usr/bin/env bash
# gearman-job-server 1.1.20 and gearman-tools 1.1.20 of Debian 12.
#
# Guess: a background job that gearmand has accepted is worked on, whatever clients come and go. A foreground client
#        that submits the same unique id joins it, and if it does not wait for the result, that is its own affair.
# Seen:  if the foreground client goes before a worker has taken the job, nobody ever gets it: the background job is
#        lost without a word. The joined job counts the clients that wait for it, and is dropped with the last one; that
#        it was a background job is forgotten. So is a background job that joins a foreground one.
set -euo pipefail
for command in gearmand gearman gearadmin; do
	command -v "$command" >/dev/null || { echo "install the Debian packages gearman-job-server and gearman-tools" >&2; exit 1; }
done
dir=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
port=$(perl -MIO::Socket::INET -e 'print IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1")->sockport')
gearmand -L 127.0.0.1 -p "$port" --log-file="$dir/log" &
until gearadmin -h 127.0.0.1 -p "$port" --server-version >/dev/null 2>&1; do sleep 0.2; done
waits() { gearadmin -h 127.0.0.1 -p "$port" --status | grep -q "^$1	1	"; }
background() { gearman -h 127.0.0.1 -p "$port" -b -f "$1" -u import "$1" >/dev/null; }
foreground_goes() {
	gearman -h 127.0.0.1 -p "$port" -f "$1" -u import "$1" >/dev/null 2>&1 & client=$!
	until waits "$1"; do sleep 0.2; done
	sleep 3
	[ "${2:-}" != joined ] || background "$1"
	kill "$client"
	wait "$client" 2>/dev/null || true
	sleep 2
}
worked() { # the job, or nothing if no worker gets it within eight seconds
	timeout 8 gearman -h 127.0.0.1 -p "$port" -w -c 1 -f "$1" -- tee "got-$1" >/dev/null 2>&1 || true
	[ -s "got-$1" ] && echo "$2: a worker gets the job" || echo "$2: no worker gets the job"
}
{
	background alone
	worked alone 'background job'
	background first
	foreground_goes first
	worked first 'background job, then a foreground client that goes'
	foreground_goes second joined
	worked second 'foreground client that goes, a background job before it does'
} | tee seen
diff seen - <<'END'
background job: a worker gets the job
background job, then a foreground client that goes: no worker gets the job
foreground client that goes, a background job before it does: no worker gets the job
END
echo "as found: gearmand 1.1.20"
