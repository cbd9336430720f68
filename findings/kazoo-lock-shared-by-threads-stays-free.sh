#!/usr/bin/env bash
# kazoo 2.8.0 and ZooKeeper 3.8.0, both of Debian 12.
#
# Guess: a thread in acquire of a Lock that another thread of the program holds gets it when that one releases it, at
#        once, as a thread with a Lock of its own does: "repeated calls after already acquired will block", says the
#        documentation.
# Seen:  it gets it at the next of its attempts. The pauses between them double, with a random part, up to a minute: after
#        a hold of eight seconds the lock stays free for some seconds, after a long one for up to a minute or so. There
#        is no watch, and the thread has no place in ZooKeeper's queue meanwhile, so any other process goes first.
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

logging.disable()
client = KazooClient(sys.argv[1], timeout=20)
client.start(30)


def play(what, pairs):
    """Have the second of each pair wait for the first."""
    for first, _ in pairs:
        first.acquire()
    threads = [threading.Thread(target=second.acquire, daemon=True) for _, second in pairs]
    for thread in threads:
        thread.start()
    time.sleep(8)
    queue = {len(client.get_children(first.path)) for first, _ in pairs}
    for first, _ in pairs:
        first.release()
    time.sleep(2)
    print(f'{what}: nodes of each while it waits: {queue}')
    print('  2 s after the release all have been acquired:', all(second.is_acquired for _, second in pairs))
    for thread in threads:
        thread.join(60)
    print('  later:', all(second.is_acquired for _, second in pairs))


play('ten locks, each thread with its own Lock', [(client.Lock(f'/own{i}'), client.Lock(f'/own{i}')) for i in range(10)])
shared = [client.Lock(f'/shared{i}') for i in range(10)]
play('ten locks, both threads with the same Lock', list(zip(shared, shared)))
END
timeout 90 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
diff seen - <<'END'
ten locks, each thread with its own Lock: nodes of each while it waits: {2}
  2 s after the release all have been acquired: True
  later: True
ten locks, both threads with the same Lock: nodes of each while it waits: {1}
  2 s after the release all have been acquired: False
  later: True
END
echo "as found: kazoo 2.8.0"
