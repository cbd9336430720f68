#!/usr/bin/env bash
# ZooKeeper 3.8.0 of Debian 12, server and Java client, Java 17.
#
# Guess: a watch of addWatch, which is not removed when it is triggered, goes on until removeWatches, whatever other
#        watches the same client sets: getData with a watch on the same path adds one that fires once.
# Seen:  the first change fires both watches and ends both. Creation of a child is still reported if the persistent
#        watch is not recursive, and no longer if it is. The client is not told. The server keeps one mode for each
#        pair of connection and path, and the later watch writes its own over it. Known as ZOOKEEPER-4466.
set -euo pipefail
{ [ -e /usr/share/java/zookeeper.jar ] && [ -e /usr/share/java/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper and default-jdk-headless" >&2; exit 1; }
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
import java.util.*;
import java.util.concurrent.*;
import org.apache.zookeeper.*;

public class Run {
  public static void main(String[] args) throws Exception {
    CountDownLatch connected = new CountDownLatch(1);
    ZooKeeper zk = new ZooKeeper(args[0], 20_000, event -> connected.countDown());
    connected.await();
    for (AddWatchMode mode : AddWatchMode.values())
      for (boolean second : new boolean[] {false, true}) {
        String path = "/" + mode + second;
        List<Object> events = Collections.synchronizedList(new ArrayList<>());
        create(zk, path);
        zk.addWatch(path, event -> events.add(event.getType()), mode);
        if (second) zk.getData(path, event -> {}, null);
        for (int i = 0; i < 3; i++) zk.setData(path, new byte[0], -1);
        create(zk, path + "/child");
        Thread.sleep(1000);
        System.out.println(mode + ", getData with a watch: " + second + "\n  " + events);
      }
    System.exit(0);
  }

  static void create(ZooKeeper zk, String path) throws Exception {
    zk.create(path, new byte[0], ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
  }
}
END
timeout 60 java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar Run.java "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
PERSISTENT, getData with a watch: false
  [NodeDataChanged, NodeDataChanged, NodeDataChanged, NodeChildrenChanged]
PERSISTENT, getData with a watch: true
  [NodeDataChanged, NodeChildrenChanged]
PERSISTENT_RECURSIVE, getData with a watch: false
  [NodeDataChanged, NodeDataChanged, NodeDataChanged, NodeCreated]
PERSISTENT_RECURSIVE, getData with a watch: true
  [NodeDataChanged]
END
echo "as found: ZooKeeper 3.8.0"
