#!/usr/bin/env bash
# Debian 12: python3-etcd3gw 2.0.0 with an etcd 3.4.23.
#
# Guess: "with lock:" of a lock that another holds waits for it, or raises. "Use the lock as a contextmanager" is all that
#        its documentation says.
# Seen:  the block runs at once, beside the holder's: acquire() does not wait and says False, and nobody looks at that.
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
import sys
import etcd3gw

client = etcd3gw.Etcd3Client(host='127.0.0.1', port=int(sys.argv[1]), api_path='/v3/')
with client.lock('job', ttl=60) as one:
    with client.lock('job', ttl=60) as two:
        print('within both blocks, acquired:', one.is_acquired(), two.is_acquired())
END
timeout 60 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
within both blocks, acquired: True False
END
echo "as found: etcd3gw 2.0.0"
