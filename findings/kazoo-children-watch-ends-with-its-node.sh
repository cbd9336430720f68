#!/usr/bin/env bash
# kazoo 2.8.0, Apache Curator 5.4.0 and ZooKeeper 3.8.0, all of Debian 12, Java 17.
#
# Guess: a ChildrenWatch goes on as long as its client: if the server deletes the empty parent of a lock that Curator
#        uses, which is a container node, and Curator makes it again, the function is called with the new contenders,
#        as that of a DataWatch is called again.
# Seen:  the function hears that the last contender has left and then nothing, ever. The deletion of the node ends the
#        watch without a call, an error or a line in the log: who watches sees a free lock while there is a holder. That
#        the path must exist is documented for the start. A lock that is busy all the time does not show it.
set -euo pipefail
{ [ -e /usr/share/java/curator-recipes.jar ] && command -v javac && /usr/bin/python3 -c 'import kazoo'; } >/dev/null 2>&1 ||
	{ echo "install the Debian packages zookeeper, libcurator-recipes-java, default-jdk-headless and python3-kazoo" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -Dznode.container.checkIntervalMs=3000 -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Lock.java <<'END'
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryNTimes;

// Acquires and releases a lock by turns, at each line of its input.
public class Lock {
  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    InterProcessMutex mutex = new InterProcessMutex(client, "/lock");
    while (System.in.read() >= 0) {
      if (mutex.isAcquiredInThisProcess()) mutex.release();
      else mutex.acquire();
      System.out.println();
    }
    client.close();
  }
}
END
cat >run.py <<'END'
import logging
import subprocess
import sys
import time

from kazoo.client import KazooClient

client = KazooClient(sys.argv[1], timeout=20)
client.start(30)
logging.basicConfig(stream=sys.stdout)
curator = subprocess.Popen(
    ['java', '-cp', '/usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar', 'Lock.java', sys.argv[1]],
    bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def turn(what):
    print(what)
    curator.stdin.write(b'.')
    curator.stdout.readline()
    time.sleep(2)


turn('Curator acquires')
client.ChildrenWatch('/lock', lambda children: print('  contenders:', len(children)))
client.DataWatch('/lock', lambda data, stat: print('  there is a lock:', stat is not None))
turn('Curator releases')
while client.exists('/lock'):
    time.sleep(0.1)
time.sleep(2)
turn('Curator acquires')
print('the lock has in fact contenders:', len(client.get_children('/lock')))
client.stop()
curator.communicate()
END
timeout 80 /usr/bin/python3 -u run.py "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
Curator acquires
  contenders: 1
  there is a lock: True
Curator releases
  contenders: 0
  there is a lock: False
Curator acquires
  there is a lock: True
the lock has in fact contenders: 1
END
echo "as found: kazoo 2.8.0, Curator 5.4.0"
