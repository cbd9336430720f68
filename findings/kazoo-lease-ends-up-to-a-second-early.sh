#!/usr/bin/env bash
# kazoo 2.8.0 and ZooKeeper 3.8.0, both of Debian 12.
#
# Guess: a NonBlockingLease is its holder's for the duration that was asked for, a timedelta.
# Seen:  its end is stored in whole seconds, rounded down, so the lease ends up to a second early: one of 900 ms that
#        begins 50 ms after the full second is free at once, and two clients with exact clocks both have it. The holder
#        is not told: it knows the duration that it asked for.
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
import datetime
import json
import logging
import sys

from kazoo.client import KazooClient

logging.disable()
client = KazooClient(sys.argv[1], timeout=20)
client.start(30)
start = datetime.datetime(2026, 1, 1, 12, 0, 0, 50_000)


def take(path, holder, duration, after):
    """Tell if the holder gets the lease, some milliseconds after the start, by a clock that is exact."""
    now = start + datetime.timedelta(milliseconds=after)
    lease = client.NonBlockingLease(path, datetime.timedelta(milliseconds=duration), holder, lambda: now)
    print(f'  {after} ms: {holder} gets it: {bool(lease)}')


for duration, after in (2900, [1900, 2000]), (900, [0]):
    path = f'/lease-{duration}'
    print(f'lease of {duration} ms')
    take(path, 'one', duration, 0)
    print('  stored:', json.loads(client.get(path + '/lease_holder')[0])['end'])
    for ms in after:
        take(path, 'two', duration, ms)
END
timeout 60 /usr/bin/python3 run.py "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
lease of 2900 ms
  0 ms: one gets it: True
  stored: 2026-01-01T12:00:02
  1900 ms: two gets it: False
  2000 ms: two gets it: True
lease of 900 ms
  0 ms: one gets it: True
  stored: 2026-01-01T12:00:00
  0 ms: two gets it: True
END
echo "as found: kazoo 2.8.0"
