#!/usr/bin/env bash
# Debian 12: python3-etcd3gw 2.0.0 with python3-requests 2.28, and an etcd 3.4.23.
#
# Guess: calls of a client with timeout=2 to an etcd that does not answer raise ConnectionTimeoutError after about two
#        seconds, so that a holder that cannot refresh its lock hears of it while it has the lock.
# Seen:  they wait for as long as the server is silent; a refresh comes back when the lock is long gone. The client sets
#        an attribute "timeout" of the session of requests, which that does not have and does not read.
set -euo pipefail
for command in etcd curl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, curl and python3-etcd3gw" >&2; exit 1; }
done
/usr/bin/python3 -c 'import etcd3gw' || { echo "install the Debian package python3-etcd3gw" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill -CONT "$server" 2>/dev/null; [ -z "${server:-}" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
cd "$dir"
read -r port peer < <(/usr/bin/python3 -c 'import socket
two = [socket.socket() for _ in range(2)]
for s in two: s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in two])')
etcd --data-dir data --log-level error --listen-client-urls "http://127.0.0.1:$port" \
	--advertise-client-urls "http://127.0.0.1:$port" --listen-peer-urls "http://127.0.0.1:$peer" \
	--initial-advertise-peer-urls "http://127.0.0.1:$peer" --initial-cluster "default=http://127.0.0.1:$peer" \
	>/dev/null 2>&1 & server=$!
for _ in {1..150}; do curl -fs "http://127.0.0.1:$port/health" >/dev/null && break; sleep 0.2; done
cat >run.py <<'END'
import os, signal, sys, threading, time
import etcd3gw

client = etcd3gw.Etcd3Client(host='127.0.0.1', port=int(sys.argv[1]), api_path='/v3/', timeout=2)
server = int(sys.argv[2])
lock = client.lock('job', ttl=60)
print('acquire:', lock.acquire())
os.kill(server, signal.SIGSTOP)  # silent for a while, as a server that is cut off
threading.Timer(15, lambda: os.kill(server, signal.SIGCONT)).start()
start = time.monotonic()
try:
    result = 'TTL' if lock.refresh() > 0 else 'gone'
except etcd3gw.exceptions.Etcd3Exception as err:
    result = type(err).__name__
print('refresh:', result, '- after more than 12 s:', time.monotonic() - start > 12)
END
timeout 60 /usr/bin/python3 run.py "$port" "$server" | tee seen
diff seen - <<'END'
acquire: True
refresh: TTL - after more than 12 s: True
END
echo "as found: etcd3gw 2.0.0"
