#!/usr/bin/env bash
# Debian 12: python3-etcd3 0.12.0 with python3-tenacity 8.2.1, and an etcd 3.4.23.
#
# Guess: acquire(timeout=2) of a lock that another holds waits two seconds for it and says False, as documented, or has it
#        if it is free by then.
# Seen:  it raises a TypeError at once, also within "with lock:". The lock gives tenacity a wait function of two arguments,
#        as older versions called it, and this one calls it with one.
set -euo pipefail
for command in etcd curl; do
	command -v "$command" >/dev/null || { echo "install the Debian packages etcd-server, curl and python3-etcd3" >&2; exit 1; }
done
/usr/bin/python3 -c 'import etcd3' || { echo "install the Debian package python3-etcd3" >&2; exit 1; }
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
import sys
import etcd3

client = etcd3.client('127.0.0.1', int(sys.argv[1]))
one, two = client.lock('job', ttl=60), client.lock('job', ttl=60)
print('one:', one.acquire(timeout=2))
for timeout in (2, 0, None):
    try:
        print(f'two, timeout {timeout}:', two.acquire(timeout=timeout))
    except TypeError as err:
        print(f'two, timeout {timeout}: TypeError', str(err)[:40])
print('one:', one.release())
print('two:', two.acquire(timeout=2))
END
timeout 60 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
one: True
two, timeout 2: TypeError Lock.acquire.<locals>.wait() missing 1 r
two, timeout 0: False
two, timeout None: TypeError Lock.acquire.<locals>.wait() missing 1 r
one: True
two: True
END
echo "as found: python3-etcd3 0.12.0"
