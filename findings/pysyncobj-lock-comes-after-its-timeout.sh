#!/usr/bin/env bash
# python3-pysyncobj 0.3.11 of Debian 12.
#
# Guess: a tryAcquire of ReplLockManager that raises a timeout, as the other nodes are away for a moment, has not got the
#        lock, or loses it after autoUnlockTime at the latest.
# Seen:  the request stays in the log and is carried out when the majority is back: the process has the lock that it was
#        refused, and its manager prolongs all locks of its id, so that nobody else gets it while it lives. Seen on the
#        node that leads the cluster; of another node the request is lost with the leader.
set -euo pipefail
/usr/bin/python3 -c 'import pysyncobj' 2>/dev/null || { echo "install the Debian package python3-pysyncobj" >&2; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >run.py <<'END'
import os
import socket
import time

from pysyncobj import SyncObj, SyncObjException
from pysyncobj.batteries import ReplLockManager

LEASE = 6  # autoUnlockTime
sockets = [socket.socket() for _ in range(3)]
for s in sockets:
    s.bind(('127.0.0.1', 0))
addresses = ['127.0.0.1:%d' % s.getsockname()[1] for s in sockets]
for s in sockets:
    s.close()


class Node:
    def __init__(self, number, name):
        self.locks = ReplLockManager(LEASE, selfID=name)
        others = [address for address in addresses if address != addresses[number]]
        self.cluster = SyncObj(addresses[number], others, consumers=[self.locks])

    def ready(self):
        until = time.monotonic() + 30
        while not self.cluster.isReady():
            assert time.monotonic() < until, 'the cluster is not ready'
            time.sleep(0.1)

    def acquire(self, timeout=10):
        try:
            return self.locks.tryAcquire('job', sync=True, timeout=timeout)
        except SyncObjException as error:
            return 'raises ' + error.errorCode

    def stop(self):
        self.locks.destroy()
        self.cluster.destroy()


nodes = [Node(number, 'node %d' % number) for number in range(3)]
for node in nodes:
    node.ready()
first = next(node for node in nodes if node.cluster.getStatus()['self'] == node.cluster.getStatus()['leader'])  # the leader
second, third = (node for node in nodes if node is not first)
print('first acquires the lock: %s' % first.acquire())
first.locks.release('job', sync=True)
second.stop()
third.stop()
time.sleep(2)
print('without the others first acquires it: %s' % first.acquire(timeout=1))
print('has it: %s' % first.locks.isAcquired('job'))
second = Node(nodes.index(second), 'second again')
first.ready()
second.ready()
until = time.monotonic() + 15
while not first.locks.isAcquired('job') and time.monotonic() < until:
    time.sleep(0.1)
print('second is back, first has it: %s' % first.locks.isAcquired('job'))
time.sleep(2.5 * LEASE)
print('more than twice the autoUnlockTime later: first has it: %s' % first.locks.isAcquired('job'))
print('second acquires it: %s' % second.acquire(), flush=True)
os._exit(0)
END
timeout 85 /usr/bin/python3 run.py | tee seen
diff seen - <<'END'
first acquires the lock: True
without the others first acquires it: raises Timeout
has it: False
second is back, first has it: True
more than twice the autoUnlockTime later: first has it: True
second acquires it: False
END
echo "as found: pysyncobj 0.3.11"
