#!/usr/bin/env bash
# haproxy 2.6.12 of Debian 12, two of them as peers.
#
# Guess: "clear table t key K", documented as the way to unblock a user and to end a stickiness, removes the entry of a table
#        that is shared with peers for good, as "set table" changes it at all of them.
# Seen:  it is removed at this one alone. The other goes on with it, and as soon as it uses the entry, sends it back with the
#        old counters: whoever was unblocked is blocked again, with a new time to live. So does a restart of the cleared
#        one, which learns the entry from the other. Peers send updates, and there is no message for a removal; an update
#        that sets the counters to 0 reaches both.
set -euo pipefail
PATH=$PATH:/usr/sbin
for tool in haproxy curl python3; do
	command -v $tool >/dev/null || { echo "install the Debian packages haproxy, curl and python3" >&2; exit 1; }
done
[[ $(haproxy -v) == *" 2.6.12"* ]] || { echo "this needs haproxy 2.6.12" >&2; exit 1; }
dir=$(mktemp -d)
declare -A pid=()
trap 'kill "${pid[@]}" 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
read -r peer1 peer2 http1 http2 < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(4)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
start() { # 1 or 2
	local port=http$1
	cat >$1.cfg <<END
global
  stats socket $dir/$1.sock level admin
  localpeer p$1
defaults
  mode http
  timeout connect 5s
  timeout client 10s
  timeout server 10s
peers all
  peer p1 127.0.0.1:$peer1
  peer p2 127.0.0.1:$peer2
backend t
  stick-table type string size 100 expire 10m peers all store gpc0
frontend f
  bind 127.0.0.1:${!port}
  http-request track-sc0 url_param(user) table t
  http-request sc-inc-gpc0(0) if { path /bad }
  http-request return status 403 if { sc0_get_gpc0 ge 2 }
  http-request return status 200
END
	timeout 85 haproxy -db -f $1.cfg 2>/dev/null &
	pid[$1]=$!
	for _ in $(seq 100); do curl -s -o /dev/null "http://127.0.0.1:${!port}/?user=nobody$1" && return; sleep 0.2; done
	return 1
}
get() { # 1 or 2, a path
	local port=http$1
	curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:${!port}/${2-}?user=u"
}
cli() { # 1 or 2, a command
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(sys.argv[2].encode() + b"\n")
print(s.makefile().read())' "$1.sock" "$2"
}
entry() { cli "$1" 'show table t key u' | grep -o 'gpc0=.*' || echo 'no entry'; }
wait_for() { # 1 or 2, an entry
	for _ in $(seq 100); do [ "$(entry "$1")" != "$2" ] || return 0; sleep 0.2; done
	echo "$1 has $(entry "$1"), not $2" >&2
	return 1
}
both() { echo "$1: first $(entry 1), second $(entry 2)"; }
start 1
start 2
{
	for _ in $(seq 30); do [ "$(cli 1 'show peers' | grep -c state=EST)" = 0 ] || break; sleep 1; done
	get 1 bad >/dev/null
	get 1 bad >/dev/null
	wait_for 2 gpc0=2
	echo "blocked: $(get 1) and $(get 2)"
	sleep 1
	cli 1 'clear table t key u' >/dev/null
	sleep 4
	both 'cleared at the first'
	cli 2 'set table t key other data.gpc0 1' >/dev/null
	sleep 4
	both 'after another update of the second'
	get 2 >/dev/null
	wait_for 1 gpc0=2
	echo "after a request to the second: $(get 1) and $(get 2)"
	cli 1 'clear table t key u' >/dev/null
	kill "${pid[1]}"
	for _ in $(seq 100); do kill -0 "${pid[1]}" 2>/dev/null || break; sleep 0.1; done
	start 1
	wait_for 1 gpc0=2
	both 'cleared and started again'
	cli 1 'set table t key u data.gpc0 0' >/dev/null
	wait_for 2 gpc0=0
	echo "set to 0 at the first: $(get 1) and $(get 2)"
	kill "${pid[1]}"
} | tee seen
diff seen - <<'END'
blocked: 403 and 403
cleared at the first: first no entry, second gpc0=2
after another update of the second: first no entry, second gpc0=2
after a request to the second: 403 and 403
cleared and started again: first gpc0=2, second gpc0=2
set to 0 at the first: 200 and 200
END
echo "as found: haproxy 2.6.12"
