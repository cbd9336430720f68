#!/usr/bin/env bash
# kazoo 2.8.0 and ZooKeeper 3.8.0, both of Debian 12.
#
# Guess: a "with client.transaction()" block whose transaction fails, as by a check of a version, raises at its end, or
#        leaves the results where the program can look at them.
# Seen:  the block ends as after success, and "committed" is true. commit() returns the failures as values of a list and
#        raises nothing, and the end of the block drops that list. LockingQueue.put_all, documented to succeed only if
#        all entries were put, is made with such a block: it returns as usual when it has stored nothing.
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

from kazoo.client import KazooClient

logging.disable()
client = KazooClient(sys.argv[1], timeout=20)
client.start(30)


def outcome(func, *args):
    try:
        return func(*args)
    except Exception as e:
        return 'raises ' + type(e).__name__


client.create('/state', b'of the new leader')
client.set('/state', b'of the new leader')
try:
    with client.transaction() as transaction:
        transaction.check('/state', version=0)
        transaction.set_data('/state', b'of the old leader')
    print('after the block: committed:', transaction.committed)
except Exception as e:
    print('the block raises', type(e).__name__)
print('state:', client.get('/state')[0].decode())
print('set with that version:', outcome(client.set, '/state', b'of the old leader', 0))

queue = client.LockingQueue('/queue')
queue.put(b'one')
client.delete('/queue/entries', recursive=True)
print('queue is gone: put:', outcome(queue.put, b'two'))
print('queue is gone: put_all:', outcome(queue.put_all, [b'two', b'three']))
END
timeout 60 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
diff seen - <<'END'
after the block: committed: True
state: of the new leader
set with that version: raises BadVersionError
queue is gone: put: raises NoNodeError
queue is gone: put_all: None
END
echo "as found: kazoo 2.8.0"
