#!/usr/bin/env bash
# etcd and etcdctl 3.4.23 (etcd-server, etcd-client) of Debian 12.
#
# Guess: `etcdctl lease keep-alive`, which keeps a lease alive until it is stopped, fails when the lease has ended, as does
#        `--once`, so that a script which holds something by it ("keep-alive || clean up", a supervisor that counts
#        failures) notices the loss. `lease timetolive` of a lease that has ended fails as well, as revoke does.
# Seen:  keep-alive prints "expired or revoked" on its standard output and ends with exit status 0; with --once the same
#        lease is an error, with status 2. timetolive prints "already expired" and has status 0 too. Only the text tells the
#        end of a lease from a success: the command returns without an error when the channel of answers is closed.
set -euo pipefail
for tool in etcd etcdctl python3; do
	command -v $tool >/dev/null || { echo "install the Debian packages etcd-server, etcd-client and python3" >&2; exit 1; }
done
[[ $(etcd --version) == "etcd Version: 3.4.23"* && $(ETCDCTL_API=3 etcdctl version) == *"version: 3.4.23"* ]] ||
	{ echo "this needs etcd and etcdctl 3.4.23" >&2; exit 1; }
dir=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
cd "$dir"
read -r client peer < <(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
timeout 85 etcd --data-dir data --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
	--listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
	--initial-cluster "default=http://127.0.0.1:$peer" >/dev/null 2>&1 &
server=$!
ctl() { ETCDCTL_API=3 timeout 70 etcdctl --command-timeout 20s --dial-timeout 20s --endpoints "127.0.0.1:$client" "$@"; }
for _ in $(seq 100); do ctl endpoint health >/dev/null 2>&1 && break; sleep 0.2; done
try() {
	local status=0
	ctl "$@" >out 2>err || status=$?
	echo "${*:2:1}${4:+ $4}: status $status, $(cat out err | tail -n 1 | sed "s/$3/ID/; s/.*desc = //")"
}
{
	lease=$(ctl lease grant 6 | awk '{print $2}')
	ctl lease keep-alive "$lease" >kept 2>&1 &
	alive=$!
	for _ in $(seq 100); do grep -q keepalived kept && break; sleep 0.2; done
	echo "kept alive: $(sed "s/$lease/ID/" kept | head -n 1)"
	ctl lease revoke "$lease" >/dev/null
	status=0
	wait $alive || status=$?
	echo "revoked: status $status, $(tail -n 1 kept | sed "s/$lease/ID/")"
	try lease keep-alive "$lease"
	try lease keep-alive "$lease" --once
	try lease timetolive "$lease"
	try lease revoke "$lease"
} | tee seen
diff seen - <<'END'
kept alive: lease ID keepalived with TTL(6)
revoked: status 0, lease ID expired or revoked.
keep-alive: status 0, lease ID expired or revoked.
keep-alive --once: status 2, Error: etcdserver: requested lease not found
timetolive: status 0, lease ID already expired
revoke: status 1, Error: failed to revoke lease (etcdserver: requested lease not found)
END
echo "as found: etcdctl 3.4.23"
