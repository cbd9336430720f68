#!/usr/bin/env bash
# Debian's python3-etcd 0.4.5 (python-etcd, for etcd's API v2) and etcd 3.4.23.
#
# Guess: acquire with timeout=2, "the time to wait before giving up on getting a lock", gives up after 2 seconds.
# Seen:  it waits until the lock is free, however long, and then returns True. (The time-out of the watch is an
#        EtcdException like any other, which acquire logs as an unexpected one before it watches again.)
set -euo pipefail
command -v etcd >/dev/null || { echo "install the Debian package etcd-server" >&2; exit 1; }
/usr/bin/python3 -c 'import etcd' 2>/dev/null || { echo "install the Debian package python3-etcd" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
cd "$dir"
free() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
for _ in 1 2 3; do # again if a port is taken in between
	client=http://127.0.0.1:$(free) peer=http://127.0.0.1:$(free)
	etcd --enable-v2 --data-dir "$dir/data" --listen-client-urls "$client" --advertise-client-urls "$client" \
		--listen-peer-urls "$peer" --initial-advertise-peer-urls "$peer" --initial-cluster "default=$peer" >log 2>&1 & server=$!
	for _ in $(seq 150); do kill -0 "$server" 2>/dev/null && ! grep -q "ready to serve" log || break; sleep 0.2; done
	kill -0 "$server" 2>/dev/null && break
	rm -rf data
done
cat >run.py <<'END'
import logging
import sys
import threading

import etcd

logging.disable(logging.CRITICAL)
port = int(sys.argv[1])
holder, waiter = (etcd.Lock(etcd.Client(port=port), "job") for _ in range(2))
outcome = []


def wait():
    try:
        outcome.append(waiter.acquire(timeout=2))
    except etcd.EtcdException as e:
        outcome.append(type(e).__name__)


holder.acquire()
thread = threading.Thread(target=wait, daemon=True)
thread.start()
thread.join(14)
print("after 14 seconds:", outcome)
holder.release()
thread.join(20)
print("once the holder has released:", outcome)
END
timeout 60 /usr/bin/python3 run.py "${client##*:}" | tee seen
diff seen - <<'END'
after 14 seconds: []
once the holder has released: [True]
END
echo "as found: python3-etcd $(dpkg-query -f '${Version}' -W python3-etcd), etcd $(dpkg-query -f '${Version}' -W etcd-server)"
