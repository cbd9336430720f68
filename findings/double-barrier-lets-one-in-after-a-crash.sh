#!/usr/bin/env bash
# kazoo 2.8.0, Apache Curator 5.4.0 and ZooKeeper 3.8.0, all of Debian 12, Java 17.
#
# Guess: the members of a double barrier are ephemeral nodes, so if all of them die within, as with the machine of the
#        job, the next round begins afresh: a member that enters waits until all have come.
# Seen:  in kazoo and in Curator the first member of the next round gets in alone, at once. The sign that all have come
#        is a node "ready" that is not ephemeral, and only a member that leaves deletes it. Curator lets everyone in
#        that finds it; kazoo also counts it as a member.
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
cat >run.py <<'END'
import logging
import sys
import threading

from kazoo.client import KazooClient

logging.disable()


def member():
    """Return a client, and a function that tells after a while whether it is within."""
    client = KazooClient(sys.argv[1], timeout=20)
    client.start(30)
    barrier = client.DoubleBarrier('/kazoo', 2)
    thread = threading.Thread(target=barrier.enter, daemon=True)
    thread.start()

    def within():
        thread.join(5)
        return barrier.participating
    return client, within


(a, a_within), (b, b_within) = member(), member()
print('kazoo: within:', a_within(), b_within())
a.stop()
b.stop()
print('kazoo: both sessions have ended, and one of the next round is within:', member()[1]())
END
cat >Run.java <<'END'
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client(String hosts) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static boolean enter(CuratorFramework client, int seconds) {
    try {
      return new DistributedDoubleBarrier(client, "/curator", 2).enter(seconds, TimeUnit.SECONDS);
    } catch (Exception e) { throw new RuntimeException(e); }
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework a = client(args[0]), b = client(args[0]), c = client(args[0]);
    CompletableFuture<Boolean> first = CompletableFuture.supplyAsync(() -> enter(a, 20));
    System.out.println("Curator: within: " + enter(b, 20) + " " + first.get());
    a.close();
    b.close();
    System.out.println("Curator: both sessions have ended, and one of the next round is within: " + enter(c, 5));
    System.exit(0);
  }
}
END
timeout 40 /usr/bin/python3 run.py "127.0.0.1:$port" | tee seen
timeout 60 java -cp /usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar Run.java "127.0.0.1:$port" 2>/dev/null | tee -a seen
diff seen - <<'END'
kazoo: within: True True
kazoo: both sessions have ended, and one of the next round is within: True
Curator: within: true true
Curator: both sessions have ended, and one of the next round is within: true
END
echo "as found: kazoo 2.8.0, Curator 5.4.0"
