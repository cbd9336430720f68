#!/usr/bin/env bash
# Apache Curator 5.4.0 and ZooKeeper 3.8.0, both of Debian 12, Java 17.
#
# Guess: a candidate of a LeaderSelector that waits stays in the election when its connection breaks for a moment and its
#        session goes on: with LeaderSelectorListenerAdapter, the recommended listener, only a leader has something to cancel.
# Seen:  it leaves the election for good, without a word: its node is deleted, and when the leader goes nobody leads, until
#        someone calls requeue(). The adapter throws CancelLeadershipException for every loss of the connection, and that
#        interrupts whatever the selector does, also its wait; only a selector with autoRequeue() tries again.
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
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.curator.framework.*;
import org.apache.curator.framework.recipes.leader.*;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;

public class Run {
  static final List<Socket> sockets = new CopyOnWriteArrayList<>(); // those of the way to the server that can be cut
  static final List<ConnectionState> states = new CopyOnWriteArrayList<>();

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
        Socket client = listener.accept(), server = new Socket(InetAddress.getLoopbackAddress(), port);
        sockets.addAll(List.of(client, server));
        background(() -> client.getInputStream().transferTo(server.getOutputStream()));
        background(() -> server.getInputStream().transferTo(client.getOutputStream()));
      }
    });
    return listener.getLocalPort();
  }

  static CuratorFramework client(int port) throws Exception {
    CuratorFramework client = CuratorFrameworkFactory.newClient("127.0.0.1:" + port, 20_000, 10_000, new RetryNTimes(9, 500));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  static LeaderSelector candidate(CuratorFramework client, String name) {
    LeaderSelector selector = new LeaderSelector(client, "/election", new LeaderSelectorListenerAdapter() {
      public void takeLeadership(CuratorFramework client) throws InterruptedException { Thread.sleep(60_000); }
    });
    selector.setId(name);
    selector.start();
    return selector;
  }

  static boolean within(int seconds, java.util.concurrent.Callable<Boolean> condition) throws Exception {
    for (int i = 0; i < seconds * 10; i++) { if (condition.call()) return true; Thread.sleep(100); }
    return false;
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    CuratorFramework cut = client(way(port));
    LeaderSelector first = candidate(client(port), "first");
    within(20, first::hasLeadership);
    LeaderSelector second = candidate(cut, "second");
    System.out.println("both are in: " + within(20, () -> first.getParticipants().size() == 2));
    long session = cut.getZookeeperClient().getZooKeeper().getSessionId();
    cut.getConnectionStateListenable().addListener((client, state) -> states.add(state));
    for (Socket socket : sockets) socket.close();
    within(30, () -> states.contains(ConnectionState.RECONNECTED));
    boolean same = session == cut.getZookeeperClient().getZooKeeper().getSessionId();
    System.out.println("second: " + states + ", same session: " + same);
    Thread.sleep(3000);
    System.out.println("candidates: " + first.getParticipants().size());
    first.close();
    System.out.println("the first is gone; second leads: " + within(10, second::hasLeadership));
    System.out.println("requeue: " + second.requeue() + ", second leads: " + within(20, second::hasLeadership));
    System.exit(0);
  }
}
END
timeout 85 java -cp $jars/curator-recipes.jar:$jars/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
both are in: true
second: [SUSPENDED, RECONNECTED], same session: true
candidates: 1
the first is gone; second leads: false
requeue: true, second leads: true
END
echo "as found: Curator 5.4.0"
