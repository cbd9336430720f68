#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: the node of a PersistentTtlNode goes "based on the ttl" when its process has crashed or closed it, as documented, and on
#        a server without TTL nodes, the default, it is not created.
# Seen:  one that ends within half its TTL, after waitForInitialCreate() said true, leaves its node for ever. The TTL is that of
#        a child, created only after half the TTL, and a server never deletes a container that has had no child. On a server
#        without TTL nodes waitForInitialCreate() is true as well, the child is never created, and the node always stays: the
#        refusal is logged at level debug alone.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/curator-recipes.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libcurator-recipes-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
stop() { [ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; server=; }
trap 'stop; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
serve() { # with or without TTL nodes; it looks for nodes to delete every second
	for _ in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 10000))
		! listens || continue
		printf '%s\n' tickTime=500 "dataDir=data-$1" "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
		java "-Dzookeeper.extendedTypesEnabled=$1" -Dznode.container.checkIntervalMs=1000 -cp $jars/zookeeper.jar:$jars/slf4j-nop.jar \
			org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
		until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
		! kill -0 "$server" 2>/dev/null || return 0
	done
	return 1
}
cat >Run.java <<'END'
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static boolean within(int seconds, Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < seconds * 10; i++) { if (condition.call()) return true; Thread.sleep(100); }
    return false;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + args[0], 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    for (String path : args[1].split(" ")) {
      PersistentTtlNode node = new PersistentTtlNode(client, path, 4000, new byte[0]);
      node.start();
      System.out.print("  " + path + ", created: " + node.waitForInitialCreate(20, TimeUnit.SECONDS));
      if (path.equals("/kept")) within(6, () -> client.checkExists().forPath(path + "/touch") != null);
      node.close();
      System.out.println(", gone after it: " + within(10, () -> client.checkExists().forPath(path) == null));
    }
    System.exit(0);
  }
}
END
javac -cp $jars/curator-recipes.jar Run.java
for ttl in true false; do
	paths=/kept; [ $ttl = false ] || paths+=" /ended-early"
	serve "$ttl"
	echo "TTL nodes of the server: $ttl"
	timeout 60 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar:. Run "$port" "$paths" 2>/dev/null
	stop
done >seen
cat seen
diff seen - <<'END'
TTL nodes of the server: true
  /kept, created: true, gone after it: true
  /ended-early, created: true, gone after it: false
TTL nodes of the server: false
  /kept, created: true, gone after it: false
END
echo "as found: Curator 5.4.0"
