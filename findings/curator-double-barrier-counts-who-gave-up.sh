#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: a member whose enter() of a DistributedDoubleBarrier of two returned false, as its time was over, or failed with
#        ConnectionLossException, is not in the barrier: the next one waits for a second.
# Seen:  the next one enters at once, alone. enter() leaves its node, which the others count, when it says false or throws, and
#        the node stays until leave() is called, for an enter() that never succeeded, or the session ends.
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
	java -cp $jars/zookeeper.jar:$jars/slf4j-nop.jar \
		org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >/dev/null 2>&1 & server=$!
	until listens || ! kill -0 "$server" 2>/dev/null; do sleep 0.2; done
	! kill -0 "$server" 2>/dev/null || break
done
cat >Run.java <<'END'
import java.io.IOException;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static final List<Socket> sockets = new CopyOnWriteArrayList<>(); // those of the way to the server that can be cut
  static volatile boolean closed;

  interface Task { void run() throws Exception; }

  static void background(Task task) {
    Thread thread = new Thread(() -> { try { task.run(); } catch (Exception closed) { } });
    thread.setDaemon(true);
    thread.start();
  }

  static int way(int port) throws IOException {
    ServerSocket listener = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    background(() -> {
      while (true) {
        Socket client = listener.accept();
        if (closed) { client.close(); continue; }
        Socket server = new Socket(InetAddress.getLoopbackAddress(), port);
        sockets.addAll(List.of(client, server));
        background(() -> client.getInputStream().transferTo(server.getOutputStream()));
        background(() -> server.getInputStream().transferTo(client.getOutputStream()));
      }
    });
    return listener.getLocalPort();
  }

  static CuratorFramework client(int port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 30_000, 10_000, new RetryNTimes(9, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static String enter(CuratorFramework client, String path, int seconds) {
    try {
      return "" + new DistributedDoubleBarrier(client, path, 2).enter(seconds, TimeUnit.SECONDS);
    } catch (Exception failed) {
      return failed.getClass().getSimpleName();
    }
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    CuratorFramework cut = client(way(port)), next = client(port);
    System.out.println("first, in time: " + enter(cut, "/step-1", 2) + ", next: " + enter(next, "/step-1", 10));
    background(() -> {
      while (next.checkExists().forPath("/step-2") == null) Thread.sleep(100);
      Thread.sleep(1000);
      closed = true;
      for (Socket socket : sockets) socket.close();
      Thread.sleep(3000);
      closed = false;
    });
    String first = enter(cut, "/step-2", 40);
    Thread.sleep(4000);
    cut.blockUntilConnected();
    System.out.println("first, in step 2: " + first + ", next: " + enter(next, "/step-2", 10));
    DistributedDoubleBarrier left = new DistributedDoubleBarrier(cut, "/step-3", 2);
    System.out.println("first, in step 3: " + left.enter(2, TimeUnit.SECONDS) + ", leave: " + left.leave(5, TimeUnit.SECONDS)
        + ", next: " + enter(next, "/step-3", 5));
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
first, in time: false, next: true
first, in step 2: ConnectionLossException, next: true
first, in step 3: false, leave: true, next: false
END
echo "as found: Curator 5.4.0"
