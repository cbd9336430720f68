#!/usr/bin/env bash
# kazoo 2.8.0 and ZooKeeper 3.8.0, both of Debian 12.
#
# Guess: Lock.acquire(timeout=5) raises LockTimeout if it has not got the lock within five seconds, as documented.
# Seen:  the time begins again whenever the contender just ahead gives up, and, as the session's state is watched as well,
#        whenever the connection is lost or is back: it is the limit of each wait for one event. While the server cannot
#        be reached it is not looked at: the call goes on until it can.
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
import os
import signal
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import LockTimeout

logging.disable()
hosts, server = sys.argv[1], int(sys.argv[2])


def connect():
    client = KazooClient(hosts, timeout=10)
    client.start(60)
    return client


def acquire(lock, timeout):
    """Return the outcome, and how many seconds it took."""
    start = time.monotonic()
    try:
        outcome = str(lock.acquire(timeout=timeout))
    except LockTimeout:
        outcome = 'LockTimeout'
    return outcome, time.monotonic() - start


holder, ahead, mine = (connect().Lock('/lock') for _ in range(3))
holder.acquire()
outcome, seconds = acquire(mine, 5)
print(f'nobody ahead but the holder, timeout 5: {outcome} within 14 s: {seconds < 14}')

threading.Thread(target=acquire, args=(ahead, 16)).start()
while len(ahead.client.get_children('/lock')) < 2:
    time.sleep(0.1)
time.sleep(8)  # the one ahead goes on for eight seconds more
outcome, seconds = acquire(mine, 10)
print(f'the one ahead gives up after a while, timeout 10: {outcome} within 14 s: {seconds < 14}')

client = connect()
os.kill(server, signal.SIGSTOP)
try:
    thread = threading.Thread(target=acquire, args=(client.Lock('/free'), 2))
    thread.start()
    thread.join(12)
    print('the server is stopped, timeout 2: an end within 12 s:', not thread.is_alive())
finally:
    os.kill(server, signal.SIGCONT)
thread.join(30)
print('the server is back: an end:', not thread.is_alive())
os._exit(0)
END
timeout 100 /usr/bin/python3 run.py "127.0.0.1:$port" "$server" | tee seen
diff seen - <<'END'
nobody ahead but the holder, timeout 5: LockTimeout within 14 s: True
the one ahead gives up after a while, timeout 10: LockTimeout within 14 s: False
the server is stopped, timeout 2: an end within 12 s: False
the server is back: an end: True
END
echo "as found: kazoo 2.8.0"
