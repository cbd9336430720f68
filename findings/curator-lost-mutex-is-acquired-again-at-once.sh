#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: an InterProcessMutex whose session has ended is lost, so a call of acquire after LOST and RECONNECTED, as the
#        documentation's advice to listen for these states suggests, asks ZooKeeper for the lock again.
# Seen:  in the thread that had it, acquire succeeds without a request while another holds the lock, as a second entry
#        of a lock that can be entered again. isOwnedByCurrentThread stays true as well. The mutex counts its entries
#        by thread in memory, and neither the session nor the node of the lock is looked at: only as many calls of
#        release as of acquire put that right.
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
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.*;

public class Run {
  static CuratorFramework client(String hosts) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient(hosts, 10_000, 10_000, new RetryNTimes(3, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  public static void main(String[] args) throws Exception {
    CuratorFramework a = client(args[0]), b = client(args[0]);
    CountDownLatch lost = new CountDownLatch(1), back = new CountDownLatch(1), connected = new CountDownLatch(1);
    a.getConnectionStateListenable().addListener((client, state) -> {
      if (state == ConnectionState.LOST) lost.countDown();
      if (state == ConnectionState.RECONNECTED) back.countDown();
    });
    InterProcessMutex mine = new InterProcessMutex(a, "/lock"), theirs = new InterProcessMutex(b, "/lock");
    mine.acquire();
    System.out.println("b acquires: " + theirs.acquire(1, TimeUnit.SECONDS));

    // The session of a is ended: a second handle takes it over and closes it.
    ZooKeeper session = a.getZookeeperClient().getZooKeeper();
    ZooKeeper copy = new ZooKeeper(args[0], 10_000,
        event -> { if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown(); },
        session.getSessionId(), session.getSessionPasswd());
    connected.await();
    copy.close();
    lost.await();
    back.await();
    System.out.println("a has heard LOST and RECONNECTED");

    System.out.println("b acquires: " + theirs.acquire(20, TimeUnit.SECONDS));
    System.out.println("a acquires: " + mine.acquire(1, TimeUnit.SECONDS) + ", owned by its thread: " + mine.isOwnedByCurrentThread());
    System.out.println("a with another object: " + new InterProcessMutex(a, "/lock").acquire(1, TimeUnit.SECONDS));
    mine.release();
    mine.release();
    System.out.println("a acquires after two releases: " + mine.acquire(1, TimeUnit.SECONDS));
    System.exit(0);
  }
}
END
timeout 80 java -cp /usr/share/java/curator-recipes.jar:/usr/share/java/slf4j-nop.jar Run.java "127.0.0.1:$port" 2>/dev/null | tee seen
diff seen - <<'END'
b acquires: false
a has heard LOST and RECONNECTED
b acquires: true
a acquires: true, owned by its thread: true
a with another object: false
a acquires after two releases: false
END
echo "as found: Curator 5.4.0"
