#!/usr/bin/env bash
# uWSGI 2.0.21 of Debian 12, its Legion subsystem.
#
# Guess: a lord that is reloaded (SIGHUP) gives up first: its hook for `unlord`, "when this node loses the lord title", or
#        the one for `death`, "when the legion subsystem is shutting down", undoes what the hook for `lord` has done.
# Seen:  neither is called, only `setup` and then `lord` a second time: what the hook holds or has started goes on for as
#        long as there is no lord, and is then taken or started again. A stop calls `death`, and not `unlord`. The hooks
#        for death are called when the master exits; a reload executes the program anew without an exit.
set -euo pipefail
command -v uwsgi >/dev/null || { echo "install the Debian package uwsgi-core" >&2; exit 1; }
dir=$(mktemp -d)
cd "$dir"
trap 'kill $(jobs -p) 2>/dev/null || true; sleep 3; kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$dir"' EXIT
port() { python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
node() { # name, its port, the other's port, valor
	local hooks=() event
	for event in setup lord unlord death; do hooks+=("--legion-$event" "m cmd:echo $1 $event >>$dir/events"); done
	exec uwsgi --master --die-on-term --socket "$dir/$1.sock" --legion "m 127.0.0.1:$2 $4 aes-128-cbc:secretsecret" \
		--legion-node "m 127.0.0.1:$3" --legion-quorum 'm 2' "${hooks[@]}" >"$dir/$1.log" 2>&1
}
wait_for() { # event, how often
	for _ in $(seq 600); do
		[ "$(grep -cx "$1" events)" -lt $2 ] || return 0
		sleep 0.1
	done
	cat events *.log >&2
	return 1
}
first=$(port) second=$(port)
>events
node high $first $second 90 & high=$!
node low $second $first 10 &
wait_for 'high lord' 1
sleep 3
{
	echo 'at first:' $(grep high events | cut -d' ' -f2)
	>events
	kill -HUP $high
	wait_for 'high lord' 1
	echo 'reload:' $(grep high events | cut -d' ' -f2)
	sleep 3
	>events
	kill -TERM $high
	wait_for 'high death' 1
	echo 'stop:' $(grep high events | cut -d' ' -f2)
} | tee seen
diff seen - <<'END'
at first: setup lord
reload: setup lord
stop: death
END
echo "as found: uWSGI 2.0.21"
