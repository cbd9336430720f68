#!/usr/bin/env bash
# ZooKeeper 3.8.0 of Debian 12, server and Java client, Java 17.
#
# Guess: a client that was cut off for a moment hears after its reconnection, within the session, of changes to what it
#        watches. The programmer's guide says that watches are registered again and triggered if needed.
# Seen:  that holds for the watches of getData and its like. A watch of addWatch is registered again and nothing more:
#        a change or a deletion in the meantime is never reported to it. For the others the server compares the last
#        transaction that the client has seen with the node. After SyncConnected, what is watched has to be read again.
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
import java.io.IOException;
import java.net.*;
import java.util.*;
import java.util.concurrent.*;
import org.apache.zookeeper.*;
import org.apache.zookeeper.Watcher.Event.*;

public class Run {
  // A proxy passes connections on to the server, and cuts them.
  static volatile boolean up = true;
  static final Set<Socket> sockets = ConcurrentHashMap.newKeySet();

  static void accept(ServerSocket listener, int port) {
    try {
      for (;;) {
        Socket client = listener.accept();
        if (!up) { client.close(); continue; }
        Socket server = new Socket("127.0.0.1", port);
        Collections.addAll(sockets, client, server);
        new Thread(() -> pass(client, server)).start();
        new Thread(() -> pass(server, client)).start();
      }
    } catch (IOException e) { throw new RuntimeException(e); }
  }

  static void pass(Socket from, Socket to) {
    try (from; to) { from.getInputStream().transferTo(to.getOutputStream()); } catch (IOException e) { }
  }

  static ZooKeeper connect(int port, BlockingQueue<KeeperState> states) throws Exception {
    ZooKeeper zk = new ZooKeeper("127.0.0.1:" + port, 10_000, event -> states.add(event.getState()));
    while (states.take() != KeeperState.SyncConnected) { }
    return zk;
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[0]);
    ServerSocket listener = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
    new Thread(() -> accept(listener, port)).start();
    BlockingQueue<KeeperState> states = new LinkedBlockingQueue<>();
    ZooKeeper other = connect(port, new LinkedBlockingQueue<>()), zk = connect(listener.getLocalPort(), states);
    Map<String, List<Object>> seen = new TreeMap<>();
    for (String kind : new String[] {"getData", "PERSISTENT", "PERSISTENT_RECURSIVE"})
      for (String change : new String[] {"change", "deletion"}) {
        String path = "/" + kind + "-" + change;
        List<Object> events = Collections.synchronizedList(new ArrayList<>());
        seen.put(path, events);
        Watcher watcher = event -> { if (event.getType() != EventType.None) events.add(event.getType()); };
        other.create(path, new byte[0], ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        if (kind.equals("getData")) zk.getData(path, watcher, null);
        else zk.addWatch(path, watcher, AddWatchMode.valueOf(kind));
      }
    long session = zk.getSessionId();

    up = false;
    for (Socket socket : sockets) socket.close();
    while (states.take() != KeeperState.Disconnected) { }
    for (String path : seen.keySet())
      if (path.endsWith("change")) other.setData(path, new byte[0], -1);
      else other.delete(path, -1);
    up = true;
    while (states.take() != KeeperState.SyncConnected) { }
    Thread.sleep(3000);
    System.out.println("the same session: " + (session == zk.getSessionId()));
    seen.forEach((path, events) -> System.out.println(path + ": " + events));
    System.exit(0);
  }
}
END
timeout 60 java -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-nop.jar Run.java "$port" 2>/dev/null | tee seen
diff seen - <<'END'
the same session: true
/PERSISTENT-change: []
/PERSISTENT-deletion: []
/PERSISTENT_RECURSIVE-change: []
/PERSISTENT_RECURSIVE-deletion: []
/getData-change: [NodeDataChanged]
/getData-deletion: [NodeDeleted]
END
echo "as found: ZooKeeper 3.8.0"
