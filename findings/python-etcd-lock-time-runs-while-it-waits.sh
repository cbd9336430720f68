#!/usr/bin/env bash
# Debian's python3-etcd 0.4.5 (python-etcd, for etcd's API v2) and etcd 3.4.23.
#
# Guess: lock_ttl, "the duration of the lock we acquired", begins when the lock is acquired.
# Seen:  it begins when the waiting does: acquire returns True with what is left of it, and raises EtcdLockExpired if
#        the holder has the lock for longer. (The TTL is that of the node in the queue, which is the lock later on.
#        A second acquire of the object that has the lock gives it the whole time.)
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
import time

import etcd

logging.disable(logging.CRITICAL)
port = int(sys.argv[1])


def lock(name):
    return etcd.Lock(etcd.Client(port=port), name)


def wait(waiter, ttl, outcome):
    try:
        outcome.append(waiter.acquire(lock_ttl=ttl))
    except etcd.EtcdLockExpired:
        outcome.append("EtcdLockExpired")


for name, ttl in ("a", 40), ("b", 3):
    holder, waiter, outcome = lock(name), lock(name), []
    holder.acquire(lock_ttl=300)
    thread = threading.Thread(target=wait, args=(waiter, ttl, outcome))
    thread.start()
    time.sleep(12)
    holder.release()
    thread.join(20)
    print("lock_ttl of", ttl, "after waiting for 12 seconds:", *outcome)
    if name == "a":
        print("left is less than 30:", etcd.Client(port=port).read(waiter.lock_key).ttl < 30)
        waiter.acquire(lock_ttl=ttl)
        print("after another acquire:", etcd.Client(port=port).read(waiter.lock_key).ttl > 30)
END
timeout 70 /usr/bin/python3 run.py "${client##*:}" | tee seen
diff seen - <<'END'
lock_ttl of 40 after waiting for 12 seconds: True
left is less than 30: True
after another acquire: True
lock_ttl of 3 after waiting for 12 seconds: EtcdLockExpired
END
echo "as found: python3-etcd $(dpkg-query -f '${Version}' -W python3-etcd), etcd $(dpkg-query -f '${Version}' -W etcd-server)"
