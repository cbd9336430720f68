#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0 with TTL nodes, both of Debian 12, Java 17.
#
# Guess: a PersistentTtlNode of 100 s, which keeps its node alive, is there without a gap while its process lives, also if the
#        process before it had asked for 8 s.
# Seen:  its node goes after those 8 s, and watchers hear of a deletion, and it comes again. A TTL is set when the child that
#        keeps the node alive is created; one that exists is only written to, and that only every 50 s. So a restart with a
#        longer TTL loses the registration once.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/curator-recipes.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libcurator-recipes-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -Dzookeeper.extendedTypesEnabled=true -Dznode.container.checkIntervalMs=1000 \
		-cp $jars/zookeeper.jar:$jars/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Run.java <<'END'
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.Watcher;

public class Run {
  static PersistentTtlNode node(String port, long ttl) throws Exception {
    CuratorFramework client = client(port);
    PersistentTtlNode node = new PersistentTtlNode(client, "/member", ttl, new byte[0]);
    node.start();
    if (!node.waitForInitialCreate(20, TimeUnit.SECONDS)) throw new Exception("not created");
    return node;
  }

  static CuratorFramework client(String port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static boolean within(int seconds, Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < seconds * 10; i++) { if (condition.call()) return true; Thread.sleep(100); }
    return false;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework watcher = client(args[0]);
    PersistentTtlNode before = node(args[0], 8000);
    System.out.println("kept alive: " + within(20, () -> watcher.checkExists().forPath("/member/touch") != null));
    PersistentTtlNode after = node(args[0], 100_000);
    before.close();
    CountDownLatch deleted = new CountDownLatch(1);
    watcher.checkExists().usingWatcher((Watcher) event -> {
      if (event.getType() == Watcher.Event.EventType.NodeDeleted) deleted.countDown();
    }).forPath("/member");
    System.out.println("deleted while the second lives: " + deleted.await(30, TimeUnit.SECONDS));
    System.out.println("there again: " + within(10, () -> watcher.checkExists().forPath("/member") != null));
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
kept alive: true
deleted while the second lives: true
there again: true
END
echo "as found: Curator 5.4.0"
