#!/usr/bin/env bash
# Debian 12: ZooKeeper 3.8.0 and its own recipe WriteLock (zookeeper-recipes-lock), Java 17.
#
# Guess: a WriteLock that waits is given up with unlock(), which "also removes your request in the queue for locking in case
#        you do not already hold the lock": its client gets the lock no more, unless it calls lock() again.
# Seen:  when the holder unlocks, the one that gave up has the lock, and nobody else gets it. unlock() deletes the node, and
#        leaves the watch of the node before it. That watch calls lock() when it fires, and lock() makes a new node.
set -euo pipefail
jars=/usr/share/java
{ [ -e $jars/zookeeper-recipes-lock.jar ] && [ -e $jars/slf4j-nop.jar ] && command -v javac >/dev/null; } ||
	{ echo "install the Debian packages zookeeper, libslf4j-java and default-jdk-headless" >&2; exit 1; }
dir=$(mktemp -d)
trap '[ -z "${server:-}" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true; rm -rf "$dir"' EXIT
cd "$dir"
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 10000))
	! listens || continue
	printf '%s\n' tickTime=500 dataDir=data "clientPort=$port" clientPortAddress=127.0.0.1 admin.enableServer=false >zoo.cfg
	java -Xmx128m -cp $jars/zookeeper.jar:$jars/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Finding.java <<'END'
import java.util.concurrent.CountDownLatch;
import org.apache.zookeeper.*;
import org.apache.zookeeper.recipes.lock.*;

public class Finding {
  static WriteLock lock(String port, String name) throws Exception { // each with a session of its own
    CountDownLatch connected = new CountDownLatch(1);
    ZooKeeper client = new ZooKeeper("127.0.0.1:" + port, 20_000, event -> {
      if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
    });
    connected.await();
    return new WriteLock(client, "/job", null, new LockListener() {
      public void lockAcquired() { System.out.println("  " + name + " is told: acquired"); }
      public void lockReleased() { System.out.println("  " + name + " is told: released"); }
    });
  }

  public static void main(String[] args) throws Exception {
    WriteLock a = lock(args[0], "a"), b = lock(args[0], "b"), c = lock(args[0], "c");
    System.out.println("a locks: " + a.lock());
    System.out.println("b locks: " + b.lock());
    System.out.println("b unlocks");
    b.unlock();
    System.out.println("requests: " + a.getZookeeper().getChildren("/job", false).size());
    System.out.println("a unlocks");
    a.unlock();
    for (int i = 0; i < 100 && !b.isOwner(); i++) Thread.sleep(100);
    System.out.println("c locks: " + c.lock());
    Thread.sleep(2000);
    System.out.println("owner: a " + a.isOwner() + ", b " + b.isOwner() + ", c " + c.isOwner());
    System.exit(0);
  }
}
END
path=$(printf "$jars/%s.jar:" zookeeper zookeeper-jute zookeeper-recipes-lock slf4j-api slf4j-nop).
javac -J-Xmx256m -cp "$path" Finding.java
timeout 60 java -Xmx128m -cp "$path" Finding "$port" | tee seen
diff seen - <<'END'
  a is told: acquired
a locks: true
b locks: false
b unlocks
  b is told: released
requests: 1
a unlocks
  a is told: released
  b is told: acquired
c locks: false
owner: a false, b true, c false
END
echo "as found: ZooKeeper 3.8.0"
