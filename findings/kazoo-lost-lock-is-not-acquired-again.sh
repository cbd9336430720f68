#!/usr/bin/env bash
# kazoo 2.8.0 and ZooKeeper 3.8.0, both of Debian 12.
#
# Guess: after LOST, when it is certain that a Lock has been lost, as the documentation says, acquire of the same object
#        queues for it in the new session.
# Seen:  it sends nothing: acquire(blocking=False) is False, with a timeout it is False as well, and without one it waits
#        for ever, though nobody has the lock. is_acquired is still true, and acquire waits for it to become false, which
#        only release does, for a lock that is not there.
set -euo pipefail
{ [ -e /usr/share/java/zookeeper.jar ] && /usr/bin/python3 -c 'import kazoo'; } 2>/dev/null ||
	{ echo "install the Debian packages zookeeper and python3-kazoo" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >run.py <<'END'
import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.protocol.states import KazooState

logging.disable()
client, other = (KazooClient(sys.argv[1], timeout=10) for _ in range(2))
client.start(30)
other.start(30)
lost = threading.Event()
client.add_listener(lambda state: state == KazooState.LOST and lost.set())
lock = client.Lock('/lock')
print('acquired:', lock.acquire(blocking=False))

# The session is ended: a second client takes it over and closes it.
copy = KazooClient(sys.argv[1], timeout=10, client_id=client.client_id)
copy.start(30)
copy.stop()
lost.wait(30)
while not client.connected:
    time.sleep(0.1)
print('LOST, and connected again, nodes of the lock:', len(other.get_children('/lock')))

print('is_acquired:', lock.is_acquired)
print('acquired without blocking:', lock.acquire(blocking=False))
print('acquired within 8 s:', lock.acquire(timeout=8))
theirs = other.Lock('/lock')
print('acquired by another:', theirs.acquire(blocking=False))
theirs.release()
print('released:', lock.release())
print('acquired:', lock.acquire(blocking=False))
END
timeout 80 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
diff seen - <<'END'
acquired: True
LOST, and connected again, nodes of the lock: 0
is_acquired: True
acquired without blocking: False
acquired within 8 s: False
acquired by another: True
released: True
acquired: True
END
echo "as found: kazoo 2.8.0"
