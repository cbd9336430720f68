#!/usr/bin/env bash
# Debian's python3-etcd 0.4.5 (python-etcd, for etcd's API v2) and etcd 3.4.23.
#
# Guess: an acquire with blocking=False that returns False has left nothing behind.
# Seen:  it stays in the queue for its lock_ttl, an hour by default. Once the holder releases, the lock is nobody's:
#        the refused one has the first place, says that it has not acquired it, and everybody else is refused.
#        (acquire writes its node before it looks who is first, and a refusal does not delete it. A release of the
#        refused lock does.)
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

import etcd

logging.disable(logging.CRITICAL)
port = int(sys.argv[1])
holder, refused, third = (etcd.Lock(etcd.Client(port=port), "job") for _ in range(3))
print("holder:", holder.acquire(blocking=False, lock_ttl=600))
print("refused:", refused.acquire(blocking=False))
holder.release()
print("released; the third:", third.acquire(blocking=False))
first = sorted(etcd.Client(port=port).read(third.path).leaves, key=lambda node: node.key)[0]
print("the first place is of the refused one:", first.key == refused.lock_key, "- for", round(first.ttl / 60), "minutes")
print("which has acquired it:", refused.is_acquired)
refused.release()
print("released; the third:", third.acquire(blocking=False))
END
timeout 40 /usr/bin/python3 run.py "${client##*:}" | tee seen
diff seen - <<'END'
holder: True
refused: False
released; the third: False
the first place is of the refused one: True - for 60 minutes
which has acquired it: False
released; the third: True
END
echo "as found: python3-etcd $(dpkg-query -f '${Version}' -W python3-etcd), etcd $(dpkg-query -f '${Version}' -W etcd-server)"
