#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: the number in the name of a lock's node rises from holder to holder, so it can serve as a fencing token: a
#        resource refuses a holder whose number is below one that it has seen.
# Seen:  after a while without a holder or waiter the numbers of InterProcessMutex begin at 0 again, below those of
#        former holders. Curator makes the lock's parent a container node; the server deletes it once it is
#        empty, in a round of once a minute, and the counter is that of the parent. Under a parent that was made
#        by hand as a persistent node they go on. The creation's transaction number (czxid) rises in either case.
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
	java -Dznode.container.checkIntervalMs=3000 -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Run.java <<'END'
import java.util.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static CuratorFramework client;

  // hold takes and releases the lock, and returns the number and the czxid of its node.
  static long[] hold(String path) throws Exception {
    InterProcessMutex mutex = new InterProcessMutex(client, path);
    mutex.acquire();
    String node = client.getChildren().forPath(path).get(0);
    long created = client.checkExists().forPath(path + "/" + node).getCzxid();
    mutex.release();
    return new long[] {Long.parseLong(node.replaceAll(".*-", "")), created};
  }

  static void play(String path, boolean persistent) throws Exception {
    if (persistent) client.create().forPath(path);
    List<Long> numbers = new ArrayList<>();
    long[] last = {0, 0};
    for (int i = 0; i < 3; i++) numbers.add((last = hold(path))[0]);
    if (!numbers.equals(List.of(0L, 1L, 2L))) { // the server has been at it in between
      play(path + "-again", persistent);
      return;
    }
    for (int i = 0; i < 120 && client.checkExists().forPath(path) != null; i++) Thread.sleep(100);
    long[] next = hold(path);
    System.out.println("the parent is persistent: " + persistent + ", holders: " + numbers + ", after a while: " + next[0]
        + ", czxid above the last: " + (next[1] > last[1]));
  }

  public static void main(String[] args) throws Exception {
    client = CuratorFrameworkFactory.newClient(args[0], 20_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    play("/made-by-curator", false);
    play("/made-by-hand", true);
    System.exit(0);
  }
}
END
timeout 80 java -cp /usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar Run.java "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
the parent is persistent: false, holders: [0, 1, 2], after a while: 0, czxid above the last: true
the parent is persistent: true, holders: [0, 1, 2], after a while: 3, czxid above the last: true
END
echo "as found: Curator 5.4.0, ZooKeeper 3.8.0"
