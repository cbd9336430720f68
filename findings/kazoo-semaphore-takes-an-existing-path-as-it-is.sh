#!/usr/bin/env bash
# kazoo 2.8.0 and ZooKeeper 3.8.0, both of Debian 12.
#
# Guess: a Semaphore of "/jobs" with max_leases=2 gives two leases, and one of "/jobs" with another limit raises a
#        ValueError, as the documentation of max_leases says. A semaphore of "/jobs/nightly" is another one.
# Seen:  if that of "/jobs/nightly" was used first, neither holds. The limit is stored and checked only if the path was
#        not there: each client goes by its own, so one with 4 gets leases beside those of one with 2. And each child of
#        the path counts as a lease, so "nightly" and the lock of its semaphore take two places for ever: with a limit
#        of 2 there is no lease to be had.
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


def take(path, limit):
    try:
        return client.Semaphore(path, max_leases=limit).acquire(blocking=False)
    except ValueError as e:
        return f'{type(e).__name__}: {e}'


for path, used in ('/a', False), ('/b', True):
    if used:
        with client.Semaphore(path + '/nightly', max_leases=1):
            pass
    print(f'a semaphore below it was used before: {used}')
    print('  limit 2:', [take(path, 2) for _ in range(3)])
    print('  limit 4:', take(path, 4))
    print('  holders:', len(client.Semaphore(path).lease_holders()))
    print('  limit of the path:', client.get(path)[0])
END
timeout 60 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
diff seen - <<'END'
a semaphore below it was used before: False
  limit 2: [True, True, False]
  limit 4: ValueError: Inconsistent max leases: 2, expected: 4
  holders: 2
  limit of the path: b'2'
a semaphore below it was used before: True
  limit 2: [False, False, False]
  limit 4: True
  holders: 3
  limit of the path: b''
END
echo "as found: kazoo 2.8.0"
