#!/usr/bin/env bash
# Debian 12: python3-etcd3gw 2.0.0 with an etcd 3.4.23.
#
# Guess: acquire() of a lock object that holds its lock already says False and changes nothing: refresh() goes on keeping
#        the lock, and its result, the new TTL, tells whether that worked.
# Seen:  refresh() says so, and the lock runs out all the same while another takes it. acquire() puts a new lease in the
#        place of the lock's own before it knows the outcome, and refresh() keeps that one, which has no key.
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
import sys, time
import etcd3gw

client = etcd3gw.Etcd3Client(host='127.0.0.1', port=int(sys.argv[1]), api_path='/v3/')
for again in (False, True):
    lock = client.lock(f'job {again}', ttl=5)
    print('acquire:', lock.acquire(), *(['- again:', lock.acquire()] if again else []))
    ttls = set()
    for _ in range(20):
        ttls.add(lock.refresh())
        time.sleep(1)
    print('  TTLs of 20 refreshes:', *ttls, '- acquired:', lock.is_acquired())
    print('  another acquires it:', client.lock(f'job {again}', ttl=5).acquire())
END
timeout 80 /usr/bin/python3 run.py "$port" | tee seen
diff seen - <<'END'
acquire: True
  TTLs of 20 refreshes: 5 - acquired: True
  another acquires it: False
acquire: True - again: False
  TTLs of 20 refreshes: 5 - acquired: False
  another acquires it: True
END
echo "as found: etcd3gw 2.0.0"
