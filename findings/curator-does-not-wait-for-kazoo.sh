#!/usr/bin/env bash
# Apache Curator 5.4.0, kazoo 2.8.0 and ZooKeeper 3.8.0, all of Debian 12, Java 17.
#
# Guess: kazoo's extra_lock_patterns, documented to identify the nodes of other implementations for compatibility
#        between them, makes a Lock and Curator's InterProcessMutex on one path exclude each other: with "lock-",
#        the prefix of Curator's nodes.
# Seen:  only kazoo waits for Curator. Curator takes the lock while kazoo holds it. It sorts all children by what follows
#        "lock-" in the name, and a name without it, as kazoo's with "__lock__", by the whole of it: that begins with a
#        random hexadecimal id, which comes after the zeros of Curator's own number.
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
	java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Take.java <<'END'
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryNTimes;

// Tries to take a lock for a while, prints whether it has it, and keeps it until its input ends.
public class Take {
  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(args[0], new RetryNTimes(3, 500));
    client.start();
    System.out.println(new InterProcessMutex(client, args[1]).acquire(4, TimeUnit.SECONDS));
    while (System.in.read() >= 0) { }
    client.close();
  }
}
END
cat >run.py <<'END'
import logging
import subprocess
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import LockTimeout

logging.disable()
hosts = sys.argv[1]
client = KazooClient(hosts, timeout=20)
client.start(30)
JARS = '/usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar'


def lock(path):
    return client.Lock(path, extra_lock_patterns=['lock-'])


def acquire(path):
    try:
        return lock(path).acquire(timeout=4)
    except LockTimeout:
        return False


def curator(path):
    """Start Curator on a lock, and return the process and whether it has got the lock."""
    process = subprocess.Popen(['java', '-cp', JARS, 'Take.java', hosts, path], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return process, process.stdout.readline().strip()


held = lock('/a')
print('kazoo acquires:', held.acquire(timeout=4))
print('another of kazoo acquires:', acquire('/a'))
process, got = curator('/a')
print('Curator acquires:', got)
print('nodes:', len(client.get_children('/a')))
process.communicate()

process, got = curator('/b')
print('Curator acquires:', got)
print('kazoo acquires:', acquire('/b'))
process.communicate()
print('Curator has left, kazoo acquires:', acquire('/b'))
END
timeout 120 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
diff seen - <<'END'
kazoo acquires: True
another of kazoo acquires: False
Curator acquires: true
nodes: 2
Curator acquires: true
kazoo acquires: False
Curator has left, kazoo acquires: True
END
echo "as found: Curator 5.4.0, kazoo 2.8.0"
