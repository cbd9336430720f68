#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: of two clients with an ephemeral PersistentNode on one path one has the node and the other waits for it: its
#        waitForInitialCreate is false, or the node's data stays that of the first while the first is there.
# Seen:  for the second the node counts as created at once, and its data is written over the first's, who is not told
#        and does not write it back. The node still belongs to the first's session and goes when that ends. Curator
#        takes "node exists" for a creation of its own, whatever session the node belongs to. So a registration under
#        one name has the address of whoever came last, and the life of whoever came first.
set -euo pipefail
{ [ -e /usr/share/java/curator-recipes.jar ] && [ -e /usr/share/java/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libcurator-recipes-java and default-jdk-headless" >&2; exit 1; }
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
cat >Run.java <<'END'
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;

public class Run {
  static CuratorFramework client(String hosts) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static boolean register(PersistentNode node) throws Exception {
    node.start();
    return node.waitForInitialCreate(20, TimeUnit.SECONDS);
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework a = client(args[0]), b = client(args[0]), reader = client(args[0]);
    String path = "/member";
    PersistentNode first = new PersistentNode(a, CreateMode.EPHEMERAL, false, path, "first".getBytes());
    PersistentNode second = new PersistentNode(b, CreateMode.EPHEMERAL, false, path, "second".getBytes());
    System.out.println("the first is created: " + register(first));
    System.out.println("the second is created: " + register(second));
    Thread.sleep(2000);
    long owner = reader.checkExists().forPath(path).getEphemeralOwner();
    System.out.println("data: " + new String(reader.getData().forPath(path)) + ", of the first's session: "
        + (owner == a.getZookeeperClient().getZooKeeper().getSessionId()) + ", the first says: " + new String(first.getData()));
    System.exit(0);
  }
}
END
timeout 80 java -cp /usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar Run.java "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
the first is created: true
the second is created: true
data: second, of the first's session: true, the first says: first
END
echo "as found: Curator 5.4.0"
